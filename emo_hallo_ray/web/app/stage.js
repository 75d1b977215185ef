// One task on stage: its progress, its video, and what can be done with it.

import * as api from "./api.js";
import { note } from "./drop.js";
import { follow, isOver } from "./events.js";
import { Player } from "./player.js";
import { clock, say } from "./words.js";

const ANNOUNCE_EVERY = 10; // percent: a screen reader that hears each one says nothing else

export class Stage {
  constructor(onChange) {
    this.section = document.getElementById("stage");
    const find = (selector) => this.section.querySelector(selector);
    this.title = find("h2");
    this.image = find("img");
    this.bar = find("progress");
    this.facts = find("#facts");
    [this.percent, this.remaining, this.note, this.announcer] = ["percent", "remaining", "stage-note", "announcer"].map(
      (id) => document.getElementById(id),
    );
    [this.download, this.cancel, this.copy, this.delete] = ["download", "cancel", "copy", "delete"].map((id) =>
      document.getElementById(id),
    );
    this.player = new Player(find("video"), find(".waiting"));
    this.onChange = onChange;
    this.cancel.addEventListener("click", () => this.attempt(() => api.cancel(this.id)));
    this.copy.addEventListener("click", () => this.copyLink());
    this.delete.addEventListener("click", () => this.deleteData());
    this.facts.addEventListener("toggle", () => this.facts.open && this.showFacts());
  }

  /** Show a task and follow it to its end. */
  async show(id) {
    this.leave();
    this.id = id;
    this.following = new AbortController();
    const { signal } = this.following;
    this.section.hidden = false;
    this.announced = -1;
    this.title.textContent = "";
    this.title.focus({ preventScroll: true });
    this.section.scrollIntoView({ block: "nearest", behavior: "smooth" });
    try {
      await this.update(await api.task(id));
      if (signal.aborted || isOver(this.task)) return;
      for await (const task of follow(id, signal, () => note(this.note, say("offline"), "bad"))) {
        await this.update(task);
      }
    } catch (error) {
      if (signal.aborted) return;
      this.title.textContent = error.status === 404 ? say("noTask") : say("failed");
      note(this.note, error.message, "bad");
    }
  }

  leave() {
    this.following?.abort();
    this.player.reset();
    this.task = null;
    this.image.hidden = true;
    this.facts.open = false;
    note(this.note, "");
    for (const button of [this.download, this.cancel, this.delete]) button.hidden = true;
    this.section.hidden = true;
  }

  async update(task) {
    if (task.task_id !== this.id) return;
    const before = this.task;
    this.task = task;
    this.write();
    if (before?.status !== task.status || before?.thumbnail_url !== task.thumbnail_url) {
      this.onChange(task);
      if (this.facts.open) this.showFacts();
    }
    await this.showPicture(task);
  }

  /** All words about the task, in the language of the moment. */
  write() {
    const { task } = this;
    if (!task) return;
    this.title.textContent = describe(task);
    this.bar.value = task.progress;
    this.percent.textContent = `${task.progress} %`;
    this.remaining.textContent = describeWait(task);
    if (task.error) note(this.note, task.error, "bad");
    else note(this.note, task.data_deleted_at ? say("deleted") : isOver(task) ? "" : engineOf(task));
    this.cancel.hidden = isOver(task);
    this.delete.hidden = !isOver(task) || Boolean(task.data_deleted_at);
    this.announce(task);
  }

  announce(task) {
    const step = isOver(task) ? 100 : Math.floor(task.progress / ANNOUNCE_EVERY);
    if (step === this.announced) return;
    this.announced = step;
    this.announcer.textContent = `${describe(task)}. ${say("percentDone", { percent: task.progress })}. ${describeWait(task)}`;
  }

  async showPicture(task) {
    if (task.data_deleted_at) {
      this.player.reset();
      this.image.hidden = this.download.hidden = true;
    } else if (task.status === "completed") {
      this.image.hidden = true;
      this.download.hidden = false;
      this.download.download = `emo-hallo-${task.task_id.slice(0, 8)}.mp4`;
      this.download.href = await api.mediaAddress(task.result.video_url);
      await this.player.finish(task.result.video_url);
    } else if (task.stream_url && !this.player.stream) {
      this.image.hidden = true;
      this.player.playStream(task.stream_url);
    } else if (!this.player.stream && this.image.hidden) {
      this.image.src = await api.mediaAddress(task.thumbnail_url);
      this.image.hidden = false;
    }
  }

  async showFacts() {
    const { task } = this;
    const engine = `${task.engine} (${task.engine_reason})`;
    const rows = { id: task.task_id, ...task.params, engine, ...task.stage_seconds };
    const list = this.facts.querySelector("dl");
    list.replaceChildren(
      ...Object.entries(rows).flatMap(([name, value]) => {
        const [term, text] = [document.createElement("dt"), document.createElement("dd")];
        term.textContent = name in task.stage_seconds ? `${name}, s` : name;
        text.textContent = value;
        return [term, text];
      }),
    );
    this.facts.querySelector("pre").textContent = await api.log(task.task_id).catch((error) => error.message);
  }

  async copyLink() {
    await navigator.clipboard.writeText(location.href);
    note(this.note, say("copied"), "good");
  }

  async deleteData() {
    if (!confirm(say("deleteSure"))) return;
    await this.attempt(async () => {
      await api.deleteData(this.id);
      await this.update(await api.task(this.id));
    });
  }

  async attempt(work) {
    try {
      await work();
    } catch (error) {
      note(this.note, error.message, "bad");
    }
  }
}

const engineOf = (task) => `${task.engine}: ${task.engine_reason}`;

/** What the service says about its work, in the page's own words. */
export function describe(task) {
  if (task.status !== "processing") return say(task.status);
  const clip = /clip (\d+) of (\d+)/.exec(task.status_message);
  if (clip) return say("generatingClip", { clip: clip[1], clips: clip[2] });
  const stages = [["Preprocessing", "preparing"], ["Running", "generating"], ["Joining", "joining"]];
  return say(stages.find(([start]) => task.status_message.startsWith(start))?.[1] ?? "starting");
}

function describeWait(task) {
  if (task.status === "queued" && task.queue_position) {
    return task.queue_position === 1 ? say("next") : say("place", { place: task.queue_position });
  }
  return task.eta_seconds > 0 ? say("remaining", { time: clock(task.eta_seconds) }) : "";
}
