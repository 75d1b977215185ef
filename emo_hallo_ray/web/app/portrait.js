// The portrait's field: the picture at once, and on it the face that the service found.

import * as api from "./api.js";
import { acceptFiles, note } from "./drop.js";
import { say } from "./words.js";

const DRAW_MS = 700;
const GLASS_PX = 150;
const ACCENT = "#ff7a5c";

export class Portrait {
  file = null;

  constructor(onChange) {
    this.section = document.getElementById("portrait");
    this.image = this.section.querySelector("img");
    this.canvas = this.section.querySelector("canvas");
    this.note = this.section.querySelector(".note");
    this.onChange = onChange;
    acceptFiles(this.section.querySelector("input"), (file) => this.take(file));
    new ResizeObserver(() => this.found && this.draw(1)).observe(this.canvas);
  }

  async take(file) {
    this.looking?.abort();
    this.looking = new AbortController();
    this.file = this.found = null;
    this.canvas.hidden = true;
    this.onChange();
    this.show(file);
    note(this.note, say("looking"));
    try {
      const { image } = await api.inspect("image_file", file, this.looking.signal);
      this.file = file;
      this.found = image;
      note(this.note, [say("faceFound"), ...image.remarks].join(" "), "good");
      await this.image.decode();
      this.canvas.hidden = false;
      this.animate();
    } catch (error) {
      if (error.name === "AbortError") return;
      note(this.note, error.message, "bad");
    }
    this.onChange();
  }

  show(file) {
    URL.revokeObjectURL(this.image.src);
    this.image.src = URL.createObjectURL(file);
    this.image.hidden = false;
    this.image.alt = file.name;
    this.section.querySelector(".drop").classList.add("filled");
  }

  animate() {
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return this.draw(1);
    const started = performance.now();
    const step = (now) => {
      const share = Math.min(1, (now - started) / DRAW_MS);
      this.draw(share);
      if (share < 1) requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  /** Box and mesh where the picture lies in its frame, and a small face once more through a magnifying glass. */
  draw(share) {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    Object.assign(this.canvas, { width: width * devicePixelRatio, height: height * devicePixelRatio });
    const { naturalWidth, naturalHeight } = this.image;
    const scale = Math.min(width / naturalWidth, height / naturalHeight);
    const picture = { width: naturalWidth * scale, height: naturalHeight * scale };
    picture.left = (width - picture.width) / 2;
    picture.top = (height - picture.height) / 2;
    const pen = this.canvas.getContext("2d");
    pen.scale(devicePixelRatio, devicePixelRatio);
    const [left, top, right, bottom] = this.found.face;
    const facePx = (right - left) * picture.width;
    this.drawBox(pen, picture);
    if (facePx >= GLASS_PX) {
      this.drawMesh(pen, picture, share);
      return;
    }
    const middle = [width - GLASS_PX / 2 - 12, height - GLASS_PX / 2 - 12];
    const zoom = (0.75 * GLASS_PX) / facePx;
    const enlarged = { width: picture.width * zoom, height: picture.height * zoom };
    enlarged.left = middle[0] - ((left + right) / 2) * enlarged.width;
    enlarged.top = middle[1] - ((top + bottom) / 2) * enlarged.height;
    pen.beginPath();
    pen.arc(...middle, GLASS_PX / 2, 0, 2 * Math.PI);
    pen.lineWidth = 5;
    pen.strokeStyle = ACCENT;
    pen.stroke();
    pen.clip();
    pen.drawImage(this.image, enlarged.left, enlarged.top, enlarged.width, enlarged.height);
    this.drawMesh(pen, enlarged, share);
  }

  drawBox(pen, picture) {
    const [left, top, right, bottom] = this.found.face;
    pen.lineWidth = 2;
    pen.strokeStyle = ACCENT;
    pen.beginPath();
    const [x, y] = place(picture, [left, top]);
    pen.roundRect(x, y, (right - left) * picture.width, (bottom - top) * picture.height, 8);
    pen.stroke();
  }

  drawMesh(pen, picture, share) {
    const { points, lines } = this.found;
    pen.lineWidth = 0.5;
    pen.strokeStyle = "rgb(255 255 255 / 0.7)";
    pen.beginPath();
    for (const [from, to] of lines.slice(0, lines.length * share)) {
      pen.moveTo(...place(picture, points[from]));
      pen.lineTo(...place(picture, points[to]));
    }
    pen.stroke();
  }
}

const place = (picture, [x, y]) => [picture.left + x * picture.width, picture.top + y * picture.height];
