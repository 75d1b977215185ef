// The recording's field: how it looks and sounds, how long it is, and the microphone as another way to get one.

import * as api from "./api.js";
import { acceptFiles, note } from "./drop.js";
import { Recorder } from "./recorder.js";
import { drawBars, loudness } from "./waveform.js";
import { clock, say } from "./words.js";

const MAX_INSPECTED_BYTES = 20e6; // larger ones are looked at when they are sent

export class Sound {
  file = null;

  constructor(onChange) {
    this.section = document.getElementById("sound");
    this.canvas = this.section.querySelector("canvas");
    this.player = this.section.querySelector("audio");
    this.note = this.section.querySelector(".note");
    this.button = document.getElementById("record");
    this.recorder = new Recorder();
    this.onChange = onChange;
    acceptFiles(this.section.querySelector("input"), (file) => this.take(file));
    this.button.addEventListener("click", () => this.toggleRecording());
    new ResizeObserver(() => this.levels && drawBars(this.canvas, this.levels)).observe(this.canvas);
  }

  async take(file) {
    this.looking?.abort();
    this.looking = new AbortController();
    this.file = this.levels = null;
    this.canvas.hidden = true;
    this.onChange();
    URL.revokeObjectURL(this.player.src);
    this.player.src = URL.createObjectURL(file);
    this.player.hidden = false;
    note(this.note, say("listening"));
    this.player.onloadedmetadata = () => this.tellLength(this.player.duration, "");
    this.draw(file, this.looking.signal);
    try {
      if (file.size <= MAX_INSPECTED_BYTES) {
        const { audio } = await api.inspect("audio_file", file, this.looking.signal);
        this.player.onloadedmetadata = null;
        this.tellLength(audio.duration, "good");
      }
      this.file = file;
    } catch (error) {
      if (error.name === "AbortError") return;
      this.player.onloadedmetadata = null;
      note(this.note, error.message, "bad");
    }
    this.onChange();
  }

  tellLength(seconds, kind) {
    if (Number.isFinite(seconds)) note(this.note, say("length", { time: clock(seconds) }), kind);
  }

  async draw(file, signal) {
    const levels = await loudness(file);
    if (signal.aborted || !levels) return;
    this.levels = levels;
    this.canvas.hidden = false;
    this.section.querySelector(".drop").classList.add("filled");
    drawBars(this.canvas, levels);
  }

  async toggleRecording() {
    if (this.recorder.isRunning) {
      clearInterval(this.ticking);
      this.showRecording(false);
      await this.take(await this.recorder.stop());
      return;
    }
    try {
      await this.recorder.start();
    } catch (error) {
      note(this.note, say("noMicrophone", { why: error.message }), "bad");
      return;
    }
    this.showRecording(true);
    this.ticking = setInterval(() => {
      note(this.note, say("recording", { time: clock(this.recorder.seconds) }));
    }, 250);
  }

  showRecording(isOn) {
    this.button.setAttribute("aria-pressed", String(isOn));
    const words = this.button.querySelector("[data-t]");
    words.dataset.t = isOn ? "stop" : "record";
    words.textContent = say(words.dataset.t);
  }
}
