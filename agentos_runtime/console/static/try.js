// Try: a form and its JSON are two views of one value; buttons call with it.

import { API, call, copyButton, el, onLeave, say } from "./console.js";
import { makeForm } from "./form.js";
import { parse, pretty, text } from "./json.js";
import { events } from "./live.js";
import { SNIPPETS } from "./snippets.js";

const by = (id) => document.getElementById(id);

export async function start(place) {
  const { skill, utility } = place.dataset;
  const address = new URL(`api/skills/${encodeURIComponent(skill)}/${encodeURIComponent(utility)}`, API);
  const about = await call(address).then((answer) => answer.json()).catch(() => null);
  if (!place.isConnected) return;
  if (!about?.params) { by("panel-form").replaceChildren(el("p", { class: "note bad" }, about?.error ?? "The server does not answer.")); return; }
  new Try(place, address, about);
}

class Try {
  constructor(place, address, about) {
    Object.assign(this, { place, address, about, running: null, value: {} });
    this.form = makeForm(about.params, () => this.formChanged());
    by("panel-form").replaceChildren(this.form.element);
    this.tabs();
    this.snippets();
    by("json").addEventListener("input", () => this.jsonChanged());
    by("call").addEventListener("submit", (event) => { event.preventDefault(); event.stopPropagation(); this.do("run"); });
    for (const button of place.querySelectorAll("[data-do]")) {
      if (button.type !== "submit") button.addEventListener("click", () => this.do(button.dataset.do));
    }
    onLeave(() => this.running?.abort());
    this.formChanged();
    this.busy(false);
  }

  // ---- two views of one value ----

  formChanged() {
    this.value = this.form.get();
    by("json").value = pretty(this.value);
    this.jsonWrong(null);
    this.showSame();
  }

  jsonChanged() {
    try {
      const value = parse(by("json").value || "{}");
      if (value === null || typeof value !== "object" || Array.isArray(value)) throw new Error("the params are one JSON object");
      this.value = value;
      this.form.set(value);
      this.jsonWrong(null);
      this.showSame();
    } catch (error) { this.jsonWrong(error.message); }
  }

  jsonWrong(sentence) {
    by("json-wrong").hidden = !sentence;
    by("json-wrong").textContent = sentence ? `This is no JSON yet: ${sentence}` : "";
    by("json").toggleAttribute("aria-invalid", Boolean(sentence));
    if (sentence) by("json").setAttribute("aria-invalid", "true");
    this.wrong = Boolean(sentence);
  }

  tabs() {
    for (const tab of this.place.querySelectorAll('[role="tab"]')) tab.disabled = false;
    tablist([["tab-form", "panel-form"], ["tab-json", "panel-json"]].map(([tab, panel]) => [by(tab), () => {
      for (const each of ["panel-form", "panel-json"]) by(each).hidden = each !== panel;
    }]));
  }

  snippets() {
    const tabs = Object.keys(SNIPPETS).map((name) => el("button", { type: "button", role: "tab", "aria-controls": "same", "aria-selected": "false", tabindex: "-1" }, name));
    by("same-tabs").replaceChildren(...tabs);
    by("same-copy").replaceChildren(copyButton(() => by("same").textContent));
    tablist(tabs.map((tab) => [tab, () => { this.snippet = tab.textContent; localStorage.setItem("agentos.console.snippet", this.snippet); this.showSame(); }]),
      Math.max(0, tabs.findIndex((tab) => tab.textContent === localStorage.getItem("agentos.console.snippet"))));
  }

  showSame() {
    if (!this.snippet) return;
    const short = text(this.value);
    const params = short.length > 60 && this.snippet !== "CLI" ? pretty(this.value) : short;
    const { skill, utility } = this.place.dataset;
    by("same").textContent = SNIPPETS[this.snippet]({ address: this.address.href, skill, utility, params });
  }

  // ---- calls ----

  async do(what) {
    if (what === "stop") { this.running?.abort(); return; }
    if (this.wrong) { by("tab-json").click(); by("json").focus(); return; }
    if (this.running) return;
    this.running = new AbortController();
    this.busy(true);
    for (const field of this.complained ?? []) field.complain(null);
    this.complained = [];
    this.show("…", "");
    const begun = performance.now();
    try { await this.form.read(); await this[what](); } catch (error) {
      if (error.name === "AbortError") this.show(by("answer").textContent === "…" ? "Stopped." : by("answer").textContent, "stopped");
      else this.show("The server does not answer. Is agentos serve still running?", "", true);
    }
    this.running = null;
    this.busy(false);
    const status = by("answer-about");
    if (status.textContent && what !== "dry_run" && what !== "explain") status.textContent += ` in ${took(performance.now() - begun)}`;
    say(`${status.textContent || "Done"}.`);
  }

  busy(is) {
    for (const button of this.place.querySelectorAll("[data-do]")) {
      if (button.dataset.do === "stop") button.hidden = !is;
      else button.disabled = is;
    }
    by("answer").setAttribute("aria-busy", String(is));
  }

  post(url, accept, body) {
    return call(url, { method: "POST", body, signal: this.running.signal, headers: { "Content-Type": "application/json", Accept: accept } });
  }

  async run() {
    const answer = await this.post(this.address, "application/json", text(this.value));
    const type = answer.headers.get("content-type") ?? "";
    if (answer.ok && !type.startsWith("application/json")) return this.showFile(await answer.blob(), type, answer.status);
    this.showAnswer(answer.status, await answer.text());
  }

  async stream() {
    const answer = await this.post(this.address, "text/event-stream", text(this.value));
    if (!answer.ok) return this.showAnswer(answer.status, await answer.text());
    let shown = "";
    for await (const { name, data, text: whole } of events(answer.body)) {
      if (name === "delta") { shown += typeof data?.content === "string" ? data.content : `${text(data)}\n`; this.show(shown, "streaming"); }
      else if (name === "done") this.showAnswer(200, whole);
      else if (name === "error") this.showAnswer(data.status ?? "error", whole, shown);
    }
  }

  dry_run() { return this.operator({ dry_run: true }); }
  explain() { return this.operator({}); }
  async operator(options) {
    const { skill, utility } = this.place.dataset;
    const body = `{"skill":${text(skill)},"utility":${text(utility)},"params":${text(this.value)}${options.dry_run ? ',"dry_run":true' : ""}}`;
    const answer = await this.post(new URL("api/operator/explain", API), "application/json", body);
    this.showAnswer(answer.status, await answer.text());
  }

  // ---- what came ----

  show(shown, about, bad = false) {
    by("answer").textContent = shown;
    by("answer").classList.toggle("bad", bad);
    by("answer-about").textContent = about;
    by("answer-file").replaceChildren();
  }

  showAnswer(status, body, partial = "") {
    let value, shown = body;
    try { value = parse(body); shown = pretty(value); } catch { /* shown as it came */ }
    const good = typeof status === "number" && status < 300;
    const head = good ? "" : `${status} ${value?.code ?? ""}\n${value?.error ?? ""}\n\n`;
    this.show(partial && !good ? `${partial}\n\n${head}${shown}` : head + shown, String(status), !good);
    if (value?.problems) this.complain(value.problems);
  }

  showFile(blob, type, status) {
    this.show(`${blob.size.toLocaleString("en")} bytes of ${type}`, String(status));
    const url = URL.createObjectURL(blob);
    onLeave(() => URL.revokeObjectURL(url));
    by("answer-file").append(/^image\/(png|jpeg|webp|gif)/.test(type) ? el("img", { src: url, alt: "What came back", class: "came" }) : "",
      el("a", { class: "button", href: url, download: `${this.place.dataset.utility}` }, "Save"));
  }

  /** Each problem at its field; the first has the focus. */
  complain(problems) {
    by("tab-form").click();
    for (const { path, message } of problems) {
      const field = this.form.find(path ?? "");
      field?.complain?.(message);
      if (field) this.complained.push(field);
    }
    this.complained[0]?.focusable.focus();
  }
}

/** Tabs as the ARIA practices have them: arrows move, one is in the tab order. */
function tablist(pairs, first = 0) {
  const choose = (index, focus) => {
    pairs.forEach(([tab], at) => { tab.setAttribute("aria-selected", String(at === index)); tab.tabIndex = at === index ? 0 : -1; });
    if (focus) pairs[index][0].focus();
    pairs[index][1]();
  };
  pairs.forEach(([tab], index) => {
    tab.addEventListener("click", () => choose(index, false));
    tab.addEventListener("keydown", (event) => {
      const to = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: pairs.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      choose((to + pairs.length) % pairs.length, true);
    });
  });
  choose(first, false);
}

const took = (milliseconds) => (milliseconds < 999.5 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`);
