// What pages can do with script beside htmx: copy code, and reach the search by a key. Without script all else is there.
"use strict";

for (const button of document.querySelectorAll(".copy")) {
  button.hidden = !navigator.clipboard;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest(".copy");
  if (!button) return;
  const code = button.closest(".code").querySelector("code").textContent;
  try {
    await navigator.clipboard.writeText(code);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Not copied";
  }
  setTimeout(() => { button.textContent = "Copy"; }, 2000);
});

document.addEventListener("keydown", (event) => {
  const isWriting = event.target.closest("input, select, textarea, [contenteditable]");
  if (event.key !== "/" || isWriting || event.ctrlKey || event.metaKey || event.altKey) return;
  const search = document.querySelector("[data-search]");
  if (!search) return;
  event.preventDefault();
  search.focus();
  search.select();
});

// What cannot be answered is explained on a page of its own.
document.addEventListener("htmx:responseError", (event) => { location.assign(event.detail.xhr.responseURL); });

// Filters are a column beside the results where there is room, and behind a heading where there is none.
const fold = () => {
  const drawer = document.querySelector(".drawer");
  if (drawer && window.matchMedia("(max-width: 47.99rem)").matches) drawer.open = false;
};
fold();
document.addEventListener("htmx:afterSettle", fold);
