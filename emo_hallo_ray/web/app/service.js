// What the service can do just now, in the bar and in the choice of engines.

import * as api from "./api.js";
import { note } from "./drop.js";
import { say } from "./words.js";

const EVERY_MS = 15000;

export class ServiceState {
  constructor() {
    this.line = document.getElementById("service");
    this.engineNote = document.getElementById("engine-note");
    this.engines = document.getElementById("engine");
  }

  async watch() {
    for (;;) {
      try {
        this.health = await api.health();
      } catch (error) {
        this.health = { status: "unhealthy", reason: error instanceof api.ApiError ? error.message : null };
      }
      this.write();
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
  }

  write() {
    const { health } = this;
    if (!health) return;
    if (health.status === "unhealthy") {
      this.line.dataset.state = "bad";
      this.line.textContent = health.reason ? say("unhealthy", { why: health.reason }) : say("offline");
      return;
    }
    const engines = health.engines ?? {};
    const able = Object.keys(engines).filter((name) => engines[name].available);
    this.line.dataset.state = "good";
    this.line.textContent = say("healthy", { engine: able.includes("hallo2") ? "Hallo2" : say("preview") });
    const missing = [];
    for (const choice of this.engines.querySelectorAll("input")) {
      const engine = engines[choice.value];
      choice.disabled = engine ? !engine.available : false;
      if (choice.disabled) missing.push(say("unavailable", { engine: choice.value, why: engine.reason }));
    }
    note(this.engineNote, missing.join(" "));
  }
}
