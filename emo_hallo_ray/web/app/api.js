// The service's REST API. Addresses are relative, so that a page under a prefix talks to the service under it.

const KEY = "api-key";

/** What the service said was wrong: `message` for people, `code` for the page. */
export class ApiError extends Error {
  constructor(status, body) {
    super([body?.detail ?? `HTTP ${status}`, body?.hint].filter(Boolean).join(" – "));
    this.status = status;
    this.code = body?.error_code;
  }
}

export const hasKey = () => sessionStorage.getItem(KEY) !== null;

export function headers(more = {}) {
  return hasKey() ? { ...more, Authorization: `Bearer ${sessionStorage.getItem(KEY)}` } : more;
}

/** Fetch from the service; asks for an API key where it wants one. Throws ApiError, or TypeError if it is away. */
export async function call(address, options = {}) {
  for (;;) {
    const answer = await fetch(address.replace(/^\//, ""), { ...options, headers: headers(options.headers) });
    if (answer.ok) return answer;
    const error = new ApiError(answer.status, await answer.json().catch(() => null));
    if (error.status !== 401) throw error;
    await askForKey();
  }
}

export const getJson = async (address, options) => (await call(address, options)).json();

export const task = (id) => getJson(`api/v1/tasks/${id}`);
export const tasks = (limit, cursor) => getJson(`api/v1/tasks?limit=${limit}${cursor ? `&cursor=${cursor}` : ""}`);
export const log = async (id) => (await getJson(`api/v1/tasks/${id}/logs`)).logs;
export const health = () => getJson("api/v1/health");
export const cancel = (id) => call(`api/v1/tasks/${id}?force=true`, { method: "DELETE" });
export const deleteData = (id) => call(`api/v1/tasks/${id}/data`, { method: "DELETE" });

/** What there is in a file of the form field `name`, or an ApiError that says why it cannot be used. */
export async function inspect(name, file, signal) {
  const form = new FormData();
  form.append(name, file);
  return getJson("api/v1/inspect", { method: "POST", body: form, signal });
}

/** Create a task; the id. `onProgress` hears the share of the upload that is sent: fetch could not tell. */
export function create(form, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", "api/v1/inference/hallo2");
    for (const [name, value] of Object.entries(headers())) request.setRequestHeader(name, value);
    request.responseType = "json";
    request.upload.onprogress = (event) => onProgress(event.loaded / event.total);
    request.onerror = () => reject(new TypeError("the connection broke off"));
    request.onload = () => {
      if (request.status === 200) resolve(request.response.task_id);
      else reject(new ApiError(request.status, request.response));
    };
    request.send(form);
  });
}

/** An address for `src` and `href`, which cannot send a key: where there is one, of a copy in memory. */
export async function mediaAddress(address) {
  if (!hasKey()) return address.replace(/^\//, "");
  return URL.createObjectURL(await (await call(address)).blob());
}

let asking = null;

function askForKey() {
  asking ??= new Promise((resolve) => {
    const dialog = document.getElementById("key-dialog");
    dialog.onclose = () => {
      sessionStorage.setItem(KEY, document.getElementById("key").value);
      asking = null;
      resolve();
    };
    dialog.showModal();
  });
  return asking;
}
