// The microphone, as a file.

import { toWav } from "./wav.js";

/** One recording at a time; `stop` gives it as a WAV file. */
export class Recorder {
  async start() {
    this.stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    this.pieces = [];
    this.recorder = new MediaRecorder(this.stream);
    this.recorder.ondataavailable = (event) => this.pieces.push(event.data);
    this.recorder.start();
    this.started = performance.now();
  }

  get isRunning() {
    return this.recorder?.state === "recording";
  }

  get seconds() {
    return (performance.now() - this.started) / 1000;
  }

  async stop() {
    const stopped = new Promise((resolve) => (this.recorder.onstop = resolve));
    this.recorder.stop();
    await stopped;
    for (const track of this.stream.getTracks()) track.stop(); // or the browser goes on showing that it listens
    return toWav(new Blob(this.pieces, { type: this.recorder.mimeType }));
  }
}
