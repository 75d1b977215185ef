// All that the page says, in both of its languages.

const ENGLISH = {
  skip: "Skip to the form",
  tools: "Page",
  api: "API",
  theme: "Theme",
  themeAuto: "Auto",
  themeLight: "Light",
  themeDark: "Dark",
  title: "Make a portrait speak",
  lead: "One photo, one recording. The video comes with the lips in time, and you can watch it while it is made.",
  portrait: "Portrait",
  dropPortrait: "Drop a photo or choose one",
  portraitKinds: "JPG or PNG, one face turned to the camera",
  looking: "Looking for the face…",
  faceFound: "Face found.",
  speech: "Speech",
  dropSpeech: "Drop a recording or choose one",
  speechKinds: "WAV, MP3, OGG or M4A",
  listening: "Reading the recording…",
  record: "Use the microphone",
  stop: "Stop recording",
  recording: "Recording, {time}",
  noMicrophone: "The microphone cannot be used: {why}",
  length: "{time} of sound.",
  engine: "Engine",
  auto: "Auto",
  preview: "Preview",
  unavailable: "{engine} cannot run here: {why}",
  preset: "Quality",
  quality: "Best",
  balanced: "Balanced",
  draft: "Draft",
  size: "Size",
  more: "More settings",
  pose: "Head movement",
  faceWeight: "Expression",
  lips: "Lip movement",
  seed: "Seed",
  submit: "Make the video",
  sending: "Sending, {percent} %",
  checking: "Checking both files…",
  queued: "Waiting in the queue",
  processing: "In the works",
  starting: "Starting",
  preparing: "Studying picture and sound",
  generating: "Drawing frames",
  generatingClip: "Drawing frames, clip {clip} of {clips}",
  joining: "Joining picture and sound",
  completed: "The video is ready",
  failed: "This did not work",
  cancelled: "Cancelled",
  place: "Place {place} in the queue",
  next: "Next in the queue",
  remaining: "about {time} left",
  percentDone: "{percent} percent",
  catchingUp: "Waiting for the next frames",
  download: "Download",
  cancel: "Cancel",
  copyLink: "Copy link",
  copied: "Link copied",
  deleteData: "Delete",
  deleteSure: "Delete the photo, the recording and the video of this task for good?",
  deleted: "Photo, recording and video were deleted.",
  details: "Details and log",
  history: "Earlier videos",
  noHistory: "Nothing here yet.",
  older: "Show older ones",
  open: "Open the video of {when}, {status}",
  healthy: "{engine} is ready",
  unhealthy: "The service cannot work: {why}",
  offline: "The service does not answer; trying again…",
  noTask: "There is no such task.",
  keyTitle: "API key",
  keyText: "This service is protected. Your key stays in this tab.",
  key: "Key",
  keySave: "Use this key",
  honesty: "Every video says in its metadata that it was made by a machine. Use pictures and voices of people who agreed to it.",
};

const CHINESE = {
  skip: "跳到表单",
  tools: "页面",
  api: "接口",
  theme: "主题",
  themeAuto: "自动",
  themeLight: "浅色",
  themeDark: "深色",
  title: "让照片开口说话",
  lead: "一张照片，一段录音，生成口型同步的视频，边生成边观看。",
  portrait: "人像",
  dropPortrait: "拖入照片，或点击选择",
  portraitKinds: "JPG 或 PNG，一张正对镜头的脸",
  looking: "正在寻找人脸…",
  faceFound: "已找到人脸。",
  speech: "语音",
  dropSpeech: "拖入录音，或点击选择",
  speechKinds: "WAV、MP3、OGG 或 M4A",
  listening: "正在读取录音…",
  record: "用麦克风录音",
  stop: "停止录音",
  recording: "正在录音，{time}",
  noMicrophone: "无法使用麦克风：{why}",
  length: "声音时长 {time}。",
  engine: "引擎",
  auto: "自动",
  preview: "预览",
  unavailable: "{engine} 在此无法运行：{why}",
  preset: "质量",
  quality: "最佳",
  balanced: "均衡",
  draft: "草稿",
  size: "尺寸",
  more: "更多设置",
  pose: "头部动作",
  faceWeight: "面部表情",
  lips: "嘴部动作",
  seed: "随机种子",
  submit: "生成视频",
  sending: "正在上传，{percent} %",
  checking: "正在检查两个文件…",
  queued: "正在排队",
  processing: "正在生成",
  starting: "正在启动",
  preparing: "正在分析画面和声音",
  generating: "正在绘制画面",
  generatingClip: "正在绘制画面，第 {clip} 段，共 {clips} 段",
  joining: "正在合成画面和声音",
  completed: "视频已完成",
  failed: "没有成功",
  cancelled: "已取消",
  place: "排在第 {place} 位",
  next: "下一个就是",
  remaining: "大约还需 {time}",
  percentDone: "百分之 {percent}",
  catchingUp: "正在等待后面的画面",
  download: "下载",
  cancel: "取消",
  copyLink: "复制链接",
  copied: "链接已复制",
  deleteData: "删除",
  deleteSure: "要永久删除此任务的照片、录音和视频吗？",
  deleted: "照片、录音和视频已删除。",
  details: "详情与日志",
  history: "以前的视频",
  noHistory: "这里还没有内容。",
  older: "显示更早的",
  open: "打开{when}的视频，{status}",
  healthy: "{engine} 已就绪",
  unhealthy: "服务无法工作：{why}",
  offline: "服务没有响应，正在重试…",
  noTask: "没有这个任务。",
  keyTitle: "API 密钥",
  keyText: "此服务受保护。密钥只保存在此标签页中。",
  key: "密钥",
  keySave: "使用此密钥",
  honesty: "每个视频的元数据都注明由机器生成。请使用已获同意的人像和声音。",
};

const LANGUAGES = { en: ENGLISH, "zh-CN": CHINESE };

export let language = localStorage.getItem("language") ?? (navigator.language.startsWith("zh") ? "zh-CN" : "en");

/** The words under a name, with `{places}` filled in. */
export function say(name, places = {}) {
  return LANGUAGES[language][name].replace(/\{(\w+)\}/g, (_, place) => places[place]);
}

/** Write all fixed words of the page, in the other language if asked to. */
export function translate(next = language) {
  language = next;
  localStorage.setItem("language", language);
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = say(element.dataset.t);
  for (const element of document.querySelectorAll("[data-t-label]")) {
    element.setAttribute("aria-label", say(element.dataset.tLabel));
  }
}

/** Seconds as 0:07 or 1:02:33. */
export function clock(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const shown = parts[0] ? parts : parts.slice(1);
  return shown.map((part, index) => (index ? String(part).padStart(2, "0") : part)).join(":");
}

/** When something was, as people say it. */
export function ago(time) {
  const units = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  const seconds = Math.max(0, (Date.now() - Date.parse(time)) / 1000);
  const [unit, length] = units.find(([, size]) => seconds >= size) ?? units.at(-1);
  return new Intl.RelativeTimeFormat(language, { numeric: "auto", style: "short" }).format(-Math.floor(seconds / length), unit);
}
