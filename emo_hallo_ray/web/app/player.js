// The video: as a stream while it is made, as the finished file afterwards.

import * as api from "./api.js";
import Hls from "../vendor/hls/hls.light.min.mjs";

export class Player {
  constructor(video, waiting) {
    this.video = video;
    video.addEventListener("waiting", () => (waiting.hidden = !this.stream));
    for (const kind of ["playing", "pause", "ended", "emptied"]) {
      video.addEventListener(kind, () => (waiting.hidden = true));
    }
    video.addEventListener("ended", () => this.file && this.playFile(this.file));
  }

  /** Play what there is so far, from the start, and go on as it grows. */
  playStream(address) {
    if (this.stream) return;
    this.stream = address;
    if (Hls.isSupported()) {
      // no worker: segments come as the browser wants them, there is nothing to convert
      this.hls = new Hls({ startPosition: 0, enableWorker: false, xhrSetup: addHeaders });
      this.hls.on(Hls.Events.ERROR, (_, problem) => problem.fatal && this.recover(problem));
      this.hls.loadSource(address.replace(/^\//, ""));
      this.hls.attachMedia(this.video);
    } else {
      this.video.src = address.replace(/^\//, "");
    }
    this.begin();
  }

  /** The finished file: at once if nothing plays, else when what plays is over. */
  async finish(address) {
    this.file = address;
    if (!this.stream) await this.playFile(address);
  }

  async playFile(address) {
    const wasStream = Boolean(this.stream);
    this.reset();
    this.video.src = await api.mediaAddress(address);
    this.video.hidden = false;
    if (!wasStream) this.begin();
  }

  reset() {
    this.hls?.destroy();
    this.hls = this.stream = this.file = null;
    this.video.removeAttribute("src");
    this.video.load();
    this.video.hidden = true;
  }

  begin() {
    this.video.hidden = false;
    this.video.play().catch(() => {}); // a browser that wants a click first shows its button
  }

  recover(problem) {
    if (problem.type === Hls.ErrorTypes.MEDIA_ERROR) this.hls.recoverMediaError();
    else setTimeout(() => this.hls?.startLoad(), 2000);
  }
}

function addHeaders(request) {
  for (const [name, value] of Object.entries(api.headers())) request.setRequestHeader(name, value);
}
