// Parts of a page that say so are asked for again and again, and put in place; what is open stays open.
"use strict";

function openOnes(part) {
  return [...part.querySelectorAll("details[open]")].map((each) => each.id);
}

function put(part, text) {
  const made = new DOMParser().parseFromString(text, "text/html");
  const inner = part.id && made.getElementById(part.id);
  const fresh = document.importNode(inner || made.body, true);
  const focused = part.contains(document.activeElement) ? document.activeElement : null;
  const id = focused && (focused.id || (focused.closest("[id]") || {}).id);
  const kind = focused && focused.tagName;
  for (const each of openOnes(part)) {
    const same = fresh.querySelector("#" + CSS.escape(each));
    if (same) same.open = true;
  }
  const goesOn = !inner || inner.dataset.refresh;
  part.replaceChildren(...fresh.childNodes);
  if (id) {
    const found = document.getElementById(id);
    const target = found && (found.tagName === kind ? found : found.querySelector(kind));
    if (target) target.focus({ preventScroll: true });
  }
  return goesOn;
}

function follow(part) {
  const wait = 1000 * Number(part.dataset.seconds || 2);
  let last = "";
  async function again() {
    let goesOn = true;
    try {
      if (!document.hidden && !String(getSelection())) {
        const answer = await fetch(part.dataset.refresh, { credentials: "same-origin" });
        if (!answer.ok) throw new Error(answer.status);
        const text = await answer.text();
        if (text !== last) goesOn = put(part, text);
        last = text;
        part.classList.remove("stale");
      }
    } catch (problem) {
      part.classList.add("stale");
    }
    if (goesOn) setTimeout(again, wait);
  }
  setTimeout(again, wait);
}

for (const part of document.querySelectorAll("[data-refresh]")) follow(part);
