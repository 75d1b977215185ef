// Puts the parts together: the form makes tasks, the address says which one is on stage.

import * as api from "./api.js";
import { note } from "./drop.js";
import { History } from "./history.js";
import { Portrait } from "./portrait.js";
import { ServiceState } from "./service.js";
import { Sound } from "./sound.js";
import { Stage } from "./stage.js";
import { language, say, translate } from "./words.js";

const THEMES = ["auto", "light", "dark"];

const form = document.getElementById("compose");
const submit = document.getElementById("submit");
const submitNote = document.getElementById("submit-note");
const portrait = new Portrait(enable);
const sound = new Sound(enable);
const history = new History();
const service = new ServiceState();
const stage = new Stage(() => history.load());
let isSending = false;

function enable() {
  submit.disabled = isSending || !portrait.file || !sound.file;
}

async function send() {
  const content = new FormData(form);
  content.append("image_file", portrait.file);
  content.append("audio_file", sound.file);
  isSending = true;
  enable();
  try {
    const id = await api.create(content, (share) => {
      note(submitNote, share < 1 ? say("sending", { percent: Math.floor(share * 100) }) : say("checking"));
    });
    note(submitNote, "");
    location.hash = `#/tasks/${id}`;
  } catch (error) {
    note(submitNote, error.message, "bad");
  } finally {
    isSending = false;
    enable();
  }
}

function route() {
  const id = /^#\/tasks\/([0-9a-f-]+)$/.exec(location.hash)?.[1];
  history.mark(id);
  if (id) stage.show(id);
  else stage.leave();
}

function writeAll(next = language) {
  translate(next);
  const other = document.getElementById("language");
  [other.textContent, other.lang] = language === "en" ? ["中文", "zh-CN"] : ["English", "en"];
  showTheme();
  stage.write();
  history.write();
  service.write();
}

function showTheme(chosen = document.documentElement.dataset.theme ?? "auto") {
  const button = document.getElementById("theme");
  button.textContent = say({ auto: "themeAuto", light: "themeLight", dark: "themeDark" }[chosen]);
  button.setAttribute("aria-label", `${say("theme")}: ${button.textContent}`);
}

function nextTheme() {
  const root = document.documentElement;
  const chosen = THEMES[(THEMES.indexOf(root.dataset.theme ?? "auto") + 1) % THEMES.length];
  if (chosen === "auto") {
    delete root.dataset.theme;
    localStorage.removeItem("theme");
  } else {
    root.dataset.theme = chosen;
    localStorage.setItem("theme", chosen);
  }
  showTheme(chosen);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
for (const slider of form.querySelectorAll("input[type=range]")) {
  const value = slider.closest("label").querySelector("output");
  const show = () => (value.textContent = Number(slider.value).toFixed(1));
  slider.addEventListener("input", show);
  show();
}
document.getElementById("language").addEventListener("click", () => writeAll(language === "en" ? "zh-CN" : "en"));
document.getElementById("theme").addEventListener("click", nextTheme);
document.getElementById("key-dialog").addEventListener("cancel", (event) => event.preventDefault());
addEventListener("hashchange", route);

writeAll();
history.load().then(route);
service.watch();
