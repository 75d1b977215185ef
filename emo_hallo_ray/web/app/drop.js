// A field that takes a file: dropped, chosen, or given by the page itself.

/** Call `take(file)` for every file that arrives in the field around `input`. */
export function acceptFiles(input, take) {
  const drop = input.closest(".drop");
  input.addEventListener("change", () => {
    if (input.files[0]) take(input.files[0]);
    input.value = ""; // the same file again is a change too
  });
  for (const kind of ["dragenter", "dragover"]) {
    drop.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  for (const kind of ["dragleave", "drop"]) drop.addEventListener(kind, () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files[0]) take(event.dataTransfer.files[0]);
  });
}

/** Say something under a field; `kind` is "", "good" or "bad". */
export function note(element, text, kind = "") {
  element.textContent = text;
  element.className = `note ${kind}`;
}
