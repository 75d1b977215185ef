// Earlier tasks, as pictures.

import * as api from "./api.js";
import { note } from "./drop.js";
import { ago, clock, say } from "./words.js";

const PAGE = 24;

export class History {
  constructor() {
    this.list = document.getElementById("history");
    this.note = document.getElementById("history-note");
    this.older = document.getElementById("older");
    this.older.addEventListener("click", () => this.load(this.cursor));
    this.tasks = new Map();
  }

  /** The newest tasks, or with a cursor those before. */
  async load(cursor = null) {
    try {
      const page = await api.tasks(PAGE, cursor);
      if (!cursor) this.tasks.clear();
      for (const task of Object.values(page.tasks)) this.tasks.set(task.task_id, task);
      this.cursor = page.next_cursor;
      this.write();
    } catch (error) {
      note(this.note, error.message, "bad");
    }
  }

  write() {
    this.list.replaceChildren(...[...this.tasks.values()].map((task) => this.card(task)));
    this.older.hidden = !this.cursor;
    note(this.note, this.tasks.size ? "" : say("noHistory"));
    this.mark(this.current);
  }

  /** Show which one is on stage. */
  mark(id) {
    this.current = id;
    for (const card of this.list.querySelectorAll("a")) card.setAttribute("aria-current", String(card.dataset.id === id));
  }

  card(task) {
    const card = document.createElement("a");
    card.className = "card";
    card.dataset.id = task.task_id;
    card.href = `#/tasks/${task.task_id}`;
    const words = { when: ago(task.created_at), status: say(task.status) };
    card.setAttribute("aria-label", say("open", words));
    card.append(this.picture(task), caption(task, words));
    const item = document.createElement("li");
    item.append(card);
    return item;
  }

  picture(task) {
    const frame = document.createElement("span");
    frame.className = "picture";
    if (task.thumbnail_url) {
      const image = document.createElement("img");
      image.alt = "";
      image.loading = "lazy";
      api.mediaAddress(`${task.thumbnail_url}?${Date.parse(task.updated_at)}`).then(
        (address) => (image.src = address),
        () => image.remove(), // a card without a picture is still a card
      );
      image.onerror = () => image.remove();
      frame.append(image);
    }
    if (task.result) {
      const length = document.createElement("span");
      length.className = "length";
      length.textContent = clock(task.result.duration);
      frame.append(length);
    }
    return frame;
  }
}

function caption(task, { when, status }) {
  const words = document.createElement("span");
  words.className = "words";
  const [left, right] = [document.createElement("span"), document.createElement("span")];
  left.textContent = when;
  right.textContent = task.status === "completed" ? task.engine : status;
  if (task.status === "failed") right.className = "failed";
  words.append(left, right);
  return words;
}
