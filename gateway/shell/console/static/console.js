// Keys and live rows. Every page works without this file.
"use strict";

const rowLinks = () => Array.from(document.querySelectorAll("a.row-link"));

function move(step) {
  const links = rowLinks();
  const here = links.indexOf(document.activeElement);
  const next = here < 0 ? (step > 0 ? 0 : links.length - 1) : here + step;
  if (links[next]) {
    links[next].focus({ preventScroll: true });
    links[next].closest("tr, li").scrollIntoView({ block: "nearest" });
  }
}

const help = document.getElementById("help");
const opener = document.getElementById("help-open");
opener.hidden = false;
opener.addEventListener("click", () => help.showModal());

const keys = {
  "/": () => { const field = document.getElementById("search"); if (field) { field.focus(); field.select(); } else { location.href = "/"; } },
  j: () => move(1),
  k: () => move(-1),
  u: () => { const up = document.getElementById("up"); if (up) up.click(); },
  l: () => { const turn = document.getElementById("live-turn"); if (turn) turn.click(); },
  "?": () => help.showModal(),
};

document.addEventListener("keydown", (event) => {
  const field = event.target.closest("input, select, textarea");
  if (event.key === "Escape" && field) { field.blur(); return; }
  if (field || help.open || event.ctrlKey || event.metaKey || event.altKey) return;
  const act = keys[event.key];
  if (act) { event.preventDefault(); act(); }
});

// The list keeps itself fresh: same place, same focus, new rows marked.
const live = document.getElementById("live");
const rows = document.getElementById("rows");

function put(html) {
  const fresh = new DOMParser().parseFromString(html, "text/html");
  const known = new Set(Array.from(rows.querySelectorAll("tr[id]"), (row) => row.id));
  const held = document.activeElement.closest("#rows tr[id]");
  const anchor = held || Array.from(rows.querySelectorAll("tr[id]")).find((row) => row.getBoundingClientRect().bottom > 0);
  const before = anchor ? anchor.getBoundingClientRect().top : 0;
  rows.replaceChildren(...fresh.body.childNodes);
  for (const row of rows.querySelectorAll("tr[id]")) if (known.size && !known.has(row.id)) row.classList.add("fresh");
  const again = anchor && document.getElementById(anchor.id);
  if (again && held) again.querySelector("a.row-link").focus({ preventScroll: true });
  if (again && window.scrollY > 0) window.scrollBy(0, again.getBoundingClientRect().top - before);
}

if (live) {
  let on = true;
  let last = "";
  const said = document.getElementById("live-said");
  const turn = document.getElementById("live-turn");
  const tell = (state) => { live.className = `live ${state === "on" ? "" : state}`; said.textContent = live.dataset[state]; };
  live.hidden = false;
  turn.addEventListener("click", () => {
    on = !on;
    turn.textContent = on ? live.dataset.stop : live.dataset.go;
    tell(on ? "on" : "off");
  });
  const busy = () => rows.querySelector("details[open]") || String(getSelection());
  setInterval(async () => {
    if (!on || document.hidden || busy()) return;
    try {
      const answer = await fetch(live.dataset.url, { credentials: "same-origin" });
      if (!answer.ok) throw new Error(String(answer.status));
      const html = await answer.text();
      if (on && html !== last) put(html);
      last = html;
      if (on) tell("on");
    } catch {
      if (on) tell("lost");
    }
  }, Number(live.dataset.every));
}
