// Keeps the page alive. Everything that others wrote gets into it as text, never as markup.
"use strict";

const EVERY = 2000;
const SHOWN = 200;

async function refresh() {
  const lost = document.getElementById("lost");
  try {
    const answer = await fetch("/live", { cache: "no-store" });
    if (!answer.ok) throw new Error(answer.status);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const now of fresh.querySelectorAll("[data-live]")) {
      const shown = document.getElementById(now.id);
      if (shown && shown.innerHTML !== now.innerHTML) shown.replaceChildren(...now.childNodes);
    }
    lost.hidden = true;
  } catch {
    lost.hidden = false;
  }
}

(function again() {
  setTimeout(async () => {
    if (!document.hidden) await refresh();
    again();
  }, EVERY);
})();

const form = document.getElementById("tap-form");
const button = document.getElementById("tap-button");
const state = document.getElementById("tap-state");
const list = document.getElementById("tap-events");
let source = null;
let seen = 0;
let dropped = 0;

function tell(what) {
  const more = dropped ? `, ${dropped} not shown` : "";
  state.textContent = `${what}: ${seen} seen${more}`;
}

function stop(what) {
  if (source) source.close();
  source = null;
  button.textContent = "Look";
  button.setAttribute("aria-pressed", "false");
  tell(what);
}

function show(line) {
  if (line.dropped) dropped += line.dropped;
  if (line.event !== undefined) {
    seen += 1;
    const item = document.createElement("li");
    const tag = document.createElement("span");
    tag.className = "name";
    tag.textContent = line.tag;
    const event = document.createElement("code");
    event.textContent = line.event;
    item.append(tag, event);
    list.prepend(item);
    while (list.childElementCount > SHOWN) list.lastElementChild.remove();
  }
  tell("looking");
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (source) return stop("stopped");
  seen = dropped = 0;
  list.replaceChildren();
  source = new EventSource("/tap?" + new URLSearchParams(new FormData(form)));
  source.addEventListener("message", (message) => show(JSON.parse(message.data)));
  source.addEventListener("error", () => stop("ended"));
  button.textContent = "Stop";
  button.setAttribute("aria-pressed", "true");
  tell("looking");
});
