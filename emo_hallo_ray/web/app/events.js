// A task's server-sent events. EventSource can send no API key, so the stream is read here; it is resumed where it broke.

import { ApiError, call } from "./api.js";

const RETRY_MS = 2000;

/** Yields the task at every change, until it is over or `signal` aborts. `onLost` hears when the service is away. */
export async function* follow(id, signal, onLost) {
  let lastId = "0";
  while (!signal.aborted) {
    try {
      const answer = await call(`api/v1/tasks/${id}/events`, { signal, headers: { "Last-Event-ID": lastId } });
      for await (const event of parse(answer.body)) {
        lastId = event.id ?? lastId;
        const task = JSON.parse(event.data);
        yield task;
        if (isOver(task)) return;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ApiError && error.status < 500) throw error;
      onLost();
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

export const isOver = (task) => ["completed", "failed", "cancelled"].includes(task.status);

async function* parse(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    const blocks = text.split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      const fields = Object.fromEntries(block.split("\n").map((line) => line.split(/:\s?(.*)/s, 2)));
      if (fields.data) yield fields;
    }
  }
}
