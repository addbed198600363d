// Scripts of pages besides htmx: copy code, focus the search by a key. All else works without scripts.
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
  const isTyping = event.target.closest("input, select, textarea, [contenteditable]");
  if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  const search = document.querySelector("[data-search]");
  if (!search) return;
  event.preventDefault();
  search.focus();
  search.select();
});

// Show error responses as pages.
document.addEventListener("htmx:responseError", (event) => { location.assign(event.detail.xhr.responseURL); });

// Filters are a column next to the results on wide screens, and collapse below a heading on narrow ones.
const fold = () => {
  const drawer = document.querySelector(".drawer");
  if (drawer && window.matchMedia("(max-width: 47.99rem)").matches) drawer.open = false;
};
fold();
document.addEventListener("htmx:afterSettle", fold);
