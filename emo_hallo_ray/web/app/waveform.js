// A recording as a picture.

const MAX_DECODED_BYTES = 60e6; // beyond that the picture is not worth the memory
const BAR_PX = 3;
const GAP_PX = 2;

/** Loudness along a file in `n` steps, 0 to 1; null where this browser cannot or should not decode it. */
export async function loudness(file, n = 160) {
  if (file.size > MAX_DECODED_BYTES) return null;
  const context = new OfflineAudioContext(1, 1, 16000);
  try {
    const samples = (await context.decodeAudioData(await file.arrayBuffer())).getChannelData(0);
    const step = samples.length / n;
    const levels = Array.from({ length: n }, (_, index) => {
      const part = samples.subarray(Math.floor(index * step), Math.floor((index + 1) * step) + 1);
      return Math.sqrt(part.reduce((sum, sample) => sum + sample * sample, 0) / part.length);
    });
    const loudest = Math.max(...levels, 1e-4);
    return levels.map((level) => level / loudest);
  } catch {
    return null; // the service decodes what it accepts; here it is only a picture
  }
}

/** Draw levels as bars, in the colour of the canvas's text. */
export function drawBars(canvas, levels) {
  const { clientWidth: width, clientHeight: height } = canvas;
  Object.assign(canvas, { width: width * devicePixelRatio, height: height * devicePixelRatio });
  const pen = canvas.getContext("2d");
  pen.scale(devicePixelRatio, devicePixelRatio);
  pen.fillStyle = getComputedStyle(canvas).color;
  const n = Math.floor(width / (BAR_PX + GAP_PX));
  for (let bar = 0; bar < n; bar += 1) {
    const size = Math.max(2, levels[Math.floor((bar * levels.length) / n)] * height);
    pen.beginPath();
    pen.roundRect(bar * (BAR_PX + GAP_PX), (height - size) / 2, BAR_PX, size, BAR_PX / 2);
    pen.fill();
  }
}
