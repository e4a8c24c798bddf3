// Rows as they happen. One stream for all tabs of a browser: whoever holds the lock reads it and tells the others.

import { call, onLeave, put } from "./console.js";

const ROOT = new URL("../../", import.meta.url);
const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
const CHANNEL = "agentos.console.live";
const PAUSES = [500, 1000, 2000, 5000, 10000];

/** Puts rows into the table `table`, newest first; `data-filters` say which, `data-most` how many. */
export function start(table, { reload }) {
  const filters = JSON.parse(table.dataset.filters ?? "{}");
  const most = Number(table.dataset.most);
  const body = table.tBodies[0];
  const light = document.getElementById("live");
  // From where the stream goes on: after the newest row that this page was made with, and what was under way then.
  const position = () => {
    const open = [...body.querySelectorAll("tr[data-open]")].map((row) => row.dataset.id).join();
    const newest = Math.max(Number(table.dataset.newest), ...[...body.rows].map((row) => Number(row.dataset.id)));
    return open ? `${newest};${open}` : String(newest);
  };
  const wants = (row) => Object.entries(filters).every(([name, value]) => ["since", "until"].includes(name) || String(row[name]) === value);
  const base = relativeRoot();

  const channel = new BroadcastChannel(CHANNEL);
  const leaving = new AbortController();
  onLeave(() => { leaving.abort(); channel.close(); });

  function show(news) {
    if (leaving.signal.aborted) return;
    if (news.light !== undefined && light) light.replaceChildren(dot(news.light), ` ${news.light}`);
    if (news.gap) reload();
    for (const row of news.rows ?? []) place(row);
  }

  function place(row) {
    const there = body.querySelector(`tr[data-id="${Number(row.id)}"]`);
    if (!wants(row)) { there?.remove(); return; }
    const holder = document.createElement("tbody");
    put(holder, row.html.replaceAll("{root}", base));
    const made = holder.firstElementChild;
    if (there) {
      const focused = there.contains(document.activeElement);
      there.replaceWith(made);
      if (focused) made.querySelector("a").focus({ preventScroll: true });
      return;
    }
    made.classList.add("new");
    const after = [...body.rows].find((each) => Number(each.dataset.id) < row.id);
    if (!after && body.rows.length >= most) return;
    body.insertBefore(made, after ?? null);
    while (body.rows.length > most) body.lastElementChild.remove();
    if (table.hidden) { table.hidden = false; table.nextElementSibling?.classList.contains("empty") && table.nextElementSibling.remove(); }
  }

  // Whoever holds the stream keeps what came last for tabs that were opened meanwhile.
  let recent = null, state = null;
  channel.onmessage = (event) => {
    if (event.data.hello) { if (state) channel.postMessage({ light: state, rows: recent ?? [] }); } else show(event.data);
  };
  const tell = (news) => {
    if (leaving.signal.aborted) return;
    show(news);
    channel.postMessage(news);
    state = news.light ?? state;
    if (news.rows) recent = [...(recent ?? []), ...news.rows].slice(-100);
  };
  channel.postMessage({ hello: true });
  follow(tell, leaving.signal, position);
}

/** As long as the page is seen: reads the stream when no other tab does. */
async function follow(tell, left, position) {
  while (!left.aborted) {
    if (document.hidden) { await shown(left); continue; }
    const hiding = new AbortController();
    const hide = () => { if (document.hidden) hiding.abort(); };
    document.addEventListener("visibilitychange", hide);
    const signal = AbortSignal.any([left, hiding.signal]);
    try {
      if (navigator.locks) await navigator.locks.request(CHANNEL, { signal }, () => read(tell, signal, position()));
      else await read(tell, signal, position());
    } catch { /* hidden or left while another tab had the stream */ } finally { document.removeEventListener("visibilitychange", hide); }
  }
}

function relativeRoot() {
  return "../".repeat(location.pathname.slice(ROOT.pathname.length).split("/").length - 1) || "./";
}

function dot(word) {
  const made = document.createElement("span");
  made.className = `dot ${word === "Live" ? "on" : ""}`;
  made.setAttribute("aria-hidden", "true");
  return made;
}

async function read(tell, signal, mark) {
  let failures = 0;
  while (!signal.aborted) {
    try {
      const answer = await call(new URL(`events?after=${encodeURIComponent(mark)}`, ROOT), { headers: { Accept: "text/event-stream", "X-Console-Zone": ZONE }, signal });
      if (answer.status === 401) { location.reload(); return; }
      if (!answer.ok) throw new Error(String(answer.status));
      tell({ light: "Live" });
      failures = 0;
      for await (const { name, data } of events(answer.body)) {
        if (name !== "rows") continue;
        mark = data.mark;
        tell(data);
      }
    } catch { /* the server went, or this page did */ }
    if (signal.aborted) return;
    tell({ light: "Connecting…" });
    await rest(PAUSES[Math.min(failures++, PAUSES.length - 1)], signal);
  }
}

/** The events of a `text/event-stream`, as `{name, data}`. */
export async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let kept = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (kept + value).split("\n\n");
    kept = parts.pop();
    for (const part of parts) {
      const lines = part.split("\n").filter((line) => !line.startsWith(":"));
      const field = (name) => lines.filter((line) => line.startsWith(`${name}: `)).map((line) => line.slice(name.length + 2)).join("\n");
      if (lines.length) yield { name: field("event"), data: JSON.parse(field("data")), text: field("data") };
    }
  }
}

const shown = (signal) => new Promise((go) => {
  document.addEventListener("visibilitychange", go, { once: true });
  signal.addEventListener("abort", go, { once: true });
});
const rest = (milliseconds, signal) => new Promise((go) => {
  setTimeout(go, milliseconds);
  signal.addEventListener("abort", go, { once: true });
});
