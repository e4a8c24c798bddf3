// The frame around the pages: lets the browser in, fetches the page of each address, sends what buttons ask for.

const ROOT = new URL("../../", import.meta.url);          // …/console/
export const API = new URL("../", ROOT);                  // where /api lies: a proxy may have put a prefix before it
const KEY = "agentos.console.key";
const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
const SECTIONS = [["", "Home"], ["waiting", "Waiting"], ["skills", "Skills"], ["activity", "Activity"], ["usage", "Usage"], ["keys", "Keys"], ["agents", "Agents"]];

// Browsers look for the icon again under every address of the page: it is named once and for all.
for (const icon of document.querySelectorAll("link[rel=icon]")) icon.href = icon.href;

const policy = (window.trustedTypes ?? { createPolicy: (_, rules) => rules }).createPolicy("console", { createHTML: (html) => html });

/** The one place where text becomes elements: pages of this server, made by its templates. */
export function put(element, html) {
  element.innerHTML = policy.createHTML(html);
}

/** An element with attributes, listeners (`onclick`) and children, whose text stays text. */
export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export const key = () => localStorage.getItem(KEY);
export const call = (address, options = {}) => fetch(address, {
  ...options,
  headers: { "X-Console-Key": key() ?? "", "X-Agent": "console", ...options.headers },
});

/** Tell a screen reader, and nobody else. */
export function say(text) {
  const status = document.getElementById("status");
  status.textContent = "";
  requestAnimationFrame(() => { status.textContent = text; });
}

// ---- the way in ----

async function enter(proof) {
  const answer = await fetch(new URL("session", ROOT), {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(proof),
  });
  const told = await answer.json();
  if (!answer.ok) return told;
  localStorage.setItem(KEY, told.key);
  return null;
}

/** Uses the ticket of a link up, and takes it out of the address and the history first. */
async function useTicket() {
  const ticket = location.hash.slice(1);
  if (!/^[\w-]{32}$/.test(ticket) || !location.pathname.endsWith("/console/login")) return false;
  history.replaceState(null, "", ROOT);
  const refused = await enter({ ticket }).catch(unreachable);
  if (refused) locked(refused);
  else await show(ROOT);
  return true;
}

function lock(button) {
  button.disabled = true;
  call(new URL("session", ROOT), { method: "DELETE" }).finally(() => {
    localStorage.removeItem(KEY);
    locked({ error: "Locked. In a terminal of the same user run: agentos console" });
  });
}

/** A sentence of the server that ends in the command, which stands in a box of its own below. */
const withoutCommand = (sentence) => sentence.replace(/: agentos console$/, ":");

function locked(told) {
  page.leave();
  document.title = "Locked – agentos";
  const form = told.takes_token && el("form", { class: "stack" },
    el("label", { for: "token" }, "The operator's token"),
    el("input", { id: "token", type: "password", autocomplete: "off", required: true }),
    el("button", { class: "primary" }, "Open"));
  const sentence = el("p", { role: "alert" }, withoutCommand(told.error));
  const heading = el("h1", { tabindex: "-1" }, "Console locked");
  document.body.replaceChildren(el("main", { class: "alone" }, heading, sentence,
    el("pre", {}, "agentos console"),
    el("p", { class: "dim" }, "It opens this page with a link that works once."), form || null));
  if (form) form.addEventListener("submit", async (event) => {
    event.preventDefault();
    event.stopPropagation();   // it is none of those that lead to an address
    const refused = await enter({ token: form.elements.token.value }).catch(unreachable);
    if (refused) { sentence.textContent = withoutCommand(refused.error); form.elements.token.select(); } else await show(location.href);
  });
  heading.focus();
}

// ---- pages ----

const page = {
  url: null, left: [],
  /** What a page has started ends with it. */
  leave() { for (const end of this.left.splice(0)) end(); },
};
export const onLeave = (end) => page.left.push(end);

function frame() {
  let main = document.getElementById("main");
  if (main) return main;
  const links = SECTIONS.map(([path, name]) => el("li", {}, el("a", { href: new URL(path, ROOT), "data-section": path || "home" }, name)));
  main = el("main", { id: "main", tabindex: "-1" });
  document.body.replaceChildren(
    el("a", { class: "skip", href: "#main" }, "Skip to the page"),
    el("div", { class: "frame" },
      el("nav", { class: "side", "aria-label": "Console" },
        el("a", { class: "brand", href: ROOT }, "agentos"),
        el("ul", {}, ...links),
        el("div", { class: "foot" }, el("button", { class: "quiet small", type: "button", onclick: (event) => lock(event.currentTarget) }, "Lock"))),
      main),
    el("div", { id: "status", class: "sr", role: "status" }));
  return main;
}

const unreachable = () => ({ error: "The server does not answer. Is agentos serve still running? Then load the page again." });

async function show(address, { push = false, keep = false } = {}) {
  const url = new URL(address, location.href);
  const main = frame();
  const turn = page.turn = Symbol();
  main.setAttribute("aria-busy", "true");
  let answer, text;
  try {
    answer = await call(url.pathname + url.search, { headers: { Accept: "text/x-fragment", "X-Console-Zone": ZONE } });
    text = await answer.text();
  } catch {
    text = null;
  }
  if (page.turn !== turn) return;
  if (push) history.pushState(null, "", url);
  if (answer?.status === 401) return locked(JSON.parse(text));
  page.leave();
  main.removeAttribute("aria-busy");
  main.inert = false;
  page.url = url;
  const kept = keep === true ? remember(main) : keep || null;
  if (answer?.headers.get("content-type")?.startsWith("text/x-fragment")) put(main, text);
  else main.replaceChildren(...failure(text));
  settle(main, kept);
}

const ENTRY = ".item[id], .ask[id]";

/** What a person was at: the entry with the focus, and what was unfolded. */
function remember(main) {
  const unfolded = [...main.querySelectorAll("details[open]:not(.pop)")].map((each) => [each.closest(ENTRY)?.id, placeOf(each)]);
  const active = document.activeElement;
  return { unfolded, entry: active?.closest(ENTRY)?.id, focused: main.contains(active) };
}

const unfoldable = (within) => [...within.querySelectorAll("details:not(.pop)")];
const placeOf = (details) => unfoldable(details.closest(ENTRY) ?? document).indexOf(details);

function resume(main, { unfolded, entry, focused }) {
  for (const [id, place] of unfolded) {
    const within = id === undefined ? document : document.getElementById(id);
    const found = within && unfoldable(within)[place];
    if (found) found.open = true;
  }
  if (!focused || main.contains(document.activeElement)) return;
  const there = entry ? document.getElementById(entry) : null;
  const again = there?.querySelector("summary.button, button:not([disabled])") ?? there?.querySelector("a");
  (again ?? main.querySelector("h1"))?.focus({ preventScroll: true });
}

function failure(text) {
  let told = unreachable();
  try { told = JSON.parse(text) ?? told; } catch { /* no JSON: nothing of ours answered */ }
  return [
    el("div", { class: "head" }, el("h1", { tabindex: "-1" }, "This page could not be loaded")),
    el("div", { class: "note bad", role: "alert" }, told.error),
    el("p", {}, el("button", { type: "button", class: "primary", onclick: () => show(location.href) }, "Try again")),
  ];
}

function settle(main, kept) {
  const root = main.querySelector("[data-title]");
  told({ title: root?.dataset.title ?? "Error", waiting: Number(root?.dataset.waiting ?? 0) });
  for (const link of document.querySelectorAll("nav [data-section]")) {
    if (link.dataset.section === root?.dataset.section) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.querySelector('nav [aria-current="page"]')?.scrollIntoView({ inline: "center", block: "nearest" });
  drawIcons(main.querySelectorAll("[data-icon]"));
  if (kept) resume(main, kept);
  start(main);
  if (kept) return;
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target) { target.scrollIntoView(); target.querySelector("input, button, summary")?.focus({ preventScroll: true }); return; }
  scrollTo(0, 0);
  main.querySelector("h1")?.focus({ preventScroll: true });
}

/** The scripts of the page; `data-starting` stands there until it can be used. */
function start(main) {
  const turn = page.turn;
  const starting = [...main.querySelectorAll("[data-use]")].map((use) => import(`./${use.dataset.use}.js`)
    .then((module) => module.start(use, { url: page.url, reload: () => show(location.href, { keep: true }) })));
  main.toggleAttribute("data-starting", starting.length > 0);
  Promise.all(starting).catch(() => { if (page.turn === turn) outdated(main); })
    .finally(() => { if (page.turn === turn) main.removeAttribute("data-starting"); });
}

/** Scripts have the hash of their version in their address: a tab from before an upgrade asks for what is gone. */
function outdated(main) {
  main.prepend(el("div", { class: "note warn row", role: "alert" },
    el("span", {}, "A part of this page could not be loaded: the console may be of a newer version by now."),
    el("button", { type: "button", onclick: () => location.reload() }, "Load it again")));
}

let known = { title: "", waiting: 0 };

/** The title of the tab and the count beside Waiting. */
export function told(news) {
  known = { ...known, ...news };
  document.title = `${known.waiting ? `(${known.waiting}) ` : ""}${known.title} – agentos`;
  const link = document.querySelector('nav [data-section="waiting"]');
  link?.querySelector(".badge")?.remove();
  if (known.waiting) link?.append(el("span", { class: "badge" }, String(known.waiting), el("span", { class: "sr" }, " calls wait for you")));
}

/** Each as it comes into sight; an <img> cannot carry the key. */
function drawIcons(places) {
  const seen = new IntersectionObserver((changes) => {
    for (const { target, isIntersecting } of changes) if (isIntersecting) { seen.unobserve(target); drawIcon(target); }
  }, { rootMargin: "200px" });
  for (const place of places) seen.observe(place);
  onLeave(() => seen.disconnect());
}

async function drawIcon(place) {
  const answer = await call(new URL(place.dataset.icon.replace(/^\//, ""), API)).catch(() => null);
  if (!answer?.ok) return;
  const url = URL.createObjectURL(await answer.blob());
  place.replaceChildren(el("img", { src: url, alt: "", onload: () => URL.revokeObjectURL(url) }));
}

// ---- what people do ----

const isOurs = (url) => url.origin === location.origin && url.pathname.startsWith(ROOT.pathname) && !url.pathname.startsWith(`${ROOT.pathname}static/`);

/** What is open over the page closes by Escape, with the focus back at what opened it, and by a click elsewhere. */
function closePops(but = null) {
  for (const pop of document.querySelectorAll(".pop[open]")) if (!but || !pop.contains(but)) pop.open = false;
}
document.addEventListener("keydown", (event) => {
  const pop = event.key === "Escape" && event.target instanceof Element && event.target.closest(".pop[open]");
  if (pop) { pop.open = false; pop.querySelector("summary").focus(); }
});
document.addEventListener("toggle", (event) => {
  if (event.target.matches?.(".pop[open]")) { closePops(event.target); event.target.querySelector("input:not([type=hidden]), textarea")?.focus(); }
}, true);
document.addEventListener("pointerdown", (event) => closePops(event.target));

document.addEventListener("click", (event) => {
  if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const target = event.target instanceof Element ? event.target : null;
  const save = target?.closest("a[data-save]");
  if (save) { event.preventDefault(); download(save); return; }
  const link = target?.closest("a[href]");
  if (link) {
    const url = new URL(link.href);
    if (!isOurs(url) || link.target || link.hash && url.pathname === location.pathname && url.search === location.search) return;
    event.preventDefault();
    show(url, { push: true });
    return;
  }
  const row = target?.closest("tr.opens");
  if (row && !target.closest("button, summary, input") && !String(getSelection())) row.querySelector("a.cell")?.click();
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  event.preventDefault();
  if (form.dataset.send) send(form, event.submitter);
  else if (form.method === "get") {
    const url = new URL(form.getAttribute("action") || location.pathname, location.href);
    url.search = new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== ""));
    show(url, { push: true });
  }
});

document.addEventListener("change", (event) => event.target.closest?.("form[data-auto]")?.requestSubmit());

/** `data-send="POST api/…"`: the form's fields as one JSON object; then the page is loaded again, or told what came. */
async function send(form, submitter) {
  const [method, path] = form.dataset.send.split(" ");
  const body = nested(new FormData(form, submitter));
  const main = document.getElementById("main");
  const keep = remember(main);   // before its buttons are dead, which takes the focus from them
  // The page is made anew when it is done: what is pressed or opened until then would be lost with the old one.
  main.inert = !form.dataset.once && !form.dataset.tells;
  const buttons = [...form.querySelectorAll("button")];
  for (const button of buttons) button.disabled = true;
  const result = await call(new URL(path, API), {
    method, headers: { "Content-Type": "application/json" }, body: method === "DELETE" ? undefined : JSON.stringify(body),
  }).then(async (answer) => ({ ok: answer.ok, status: answer.status, told: answer.status === 204 ? {} : await answer.json() }))
    .catch(() => ({ ok: false, told: unreachable() }));
  for (const button of buttons) button.disabled = false;
  if (!result.ok) { main.inert = false; submitter?.focus({ preventScroll: true }); }
  for (const secret of form.querySelectorAll('input[type="password"]')) secret.value = "";
  if (result.status === 401 && result.told.code === "console_locked") return locked(result.told);
  if (result.told.code === "already_decided") {
    await show(location.href, { keep });
    document.getElementById("main")?.prepend(el("div", { class: "note warn", role: "alert" }, `You came second: ${result.told.error}`));
    return;
  }
  const place = form.querySelector("[data-told]") ?? form.appendChild(el("div", { "data-told": "" }));
  if (!result.ok) {
    place.replaceChildren(el("div", { class: "note bad", role: "alert" }, result.told.error ?? "It did not work."));
    return;
  }
  if (form.dataset.once) showOnce(place, result.told[form.dataset.once]);
  else if (form.dataset.tells) {
    const works = result.told.works !== false;
    place.replaceChildren(el("div", { class: `note small ${works ? "ok" : "bad"}`, role: "status" }, works ? form.dataset.tells : result.told.error ?? "It does not work."));
  }
  else { await show(location.href, { keep }); say(form.dataset.done ?? "Done."); }
}

/** `fields.password` becomes `{fields: {password}}`. */
function nested(fields) {
  const body = {};
  for (const [field, text] of fields) {
    const isJson = field.endsWith(":json");
    const name = isJson ? field.slice(0, -5) : field, value = isJson ? JSON.parse(text) : text;
    if (value === "" && name === "reason") continue;
    const [outer, inner] = name.split(/\.(.*)/s);
    if (inner === undefined) body[outer] = value;
    else (body[outer] ??= {})[inner] = value;
  }
  return body;
}

/** A token that is shown once, and never again. */
function showOnce(place, secret) {
  const text = el("pre", { tabindex: "0" }, secret);
  place.replaceChildren(el("div", { class: "note ok stack", role: "status" },
    el("p", {}, "Copy it now: it is shown this once."), text,
    el("p", { class: "row" }, copyButton(() => secret), el("button", { type: "button", onclick: () => show(location.href) }, "I have it"))));
  text.focus();
}

/** A button that copies, and says so. */
export function copyButton(text) {
  return el("button", {
    type: "button",
    async onclick(event) {
      const button = event.currentTarget;
      try { await navigator.clipboard.writeText(text()); button.textContent = "Copied"; } catch { button.textContent = "Select it to copy"; }
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    },
  }, "Copy");
}

async function download(link) {
  const answer = await call(new URL(link.dataset.save, API), { headers: link.dataset.accept ? { Accept: link.dataset.accept } : {} }).catch(() => null);
  if (!answer?.ok) { say("The file could not be fetched."); return; }
  const url = URL.createObjectURL(await answer.blob());
  el("a", { href: url, download: link.getAttribute("download") }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

// ---- what waits ----

const LOOK = 4000;
let waiting = null, shown = null;

/** The count beside Waiting, its page, and a notice of the system for who wants one: whatever page is open. */
async function look() {
  if (document.hidden && localStorage.getItem("agentos.console.notify") !== "on" || !key() || !document.getElementById("main")) return;
  const answer = await call(new URL("api/waiting", API)).catch(() => null);
  if (!answer?.ok) return;
  const pending = (await answer.json()).waiting.filter((each) => each.state === "pending");
  const ids = pending.map((each) => each.id).join();
  const fresh = waiting === null ? [] : pending.filter((each) => !waiting.includes(each.id));
  waiting = ids;
  shown ??= ids;
  told({ waiting: pending.length });
  for (const each of fresh) notice(each);
  const typing = document.activeElement?.matches("input, textarea, select") || document.querySelector(".pop[open]");
  if (shown !== ids && ["waiting", "home"].includes(document.querySelector("[data-section][data-title]")?.dataset.section) && !typing) { shown = ids; show(location.href, { keep: true }); }
}

function notice(entry) {
  if (localStorage.getItem("agentos.console.notify") !== "on" || Notification.permission !== "granted") return;
  const made = new Notification(`${entry.agent} wants ${entry.skill}/${entry.utility}`, { body: "It waits for your answer.", tag: entry.id });
  made.onclick = () => { window.focus(); show(new URL(`waiting/${entry.id}`, ROOT), { push: true }); made.close(); };
}

setInterval(look, LOOK);

addEventListener("popstate", () => { if (!location.hash || location.href.split("#")[0] !== page.url?.href) show(location.href); });
addEventListener("hashchange", useTicket);
addEventListener("storage", (event) => {
  if (event.key !== KEY) return;
  if (event.newValue) show(location.href);
  else locked({ error: "Locked. In a terminal of the same user run: agentos console" });
});

if (!await useTicket()) await show(location.href);
