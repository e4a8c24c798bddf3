// Waiting: nothing can be pressed by accident, time runs down, and who wants to is told by the system.

import { onLeave } from "./console.js";

const STILL = 500;
const NOTIFY = "agentos.console.notify";

export function start() {
  const begun = performance.now();
  const asks = [...document.querySelectorAll("[data-ask]")];
  const timers = asks.map((ask) => setTimeout(() => release(ask), STILL + 20));
  const ticking = setInterval(() => {
    for (const place of document.querySelectorAll("[data-until]")) place.textContent = left(Date.parse(place.dataset.until) - Date.now());
  }, 1000);
  for (const ask of asks) {
    ask.addEventListener("toggle", () => release(ask), true);
    // Enter answers nothing: a person who types when the entry appears has not decided.
    ask.addEventListener("keydown", (event) => { if (event.key === "Enter" && event.target.closest("button")) event.preventDefault(); });
  }
  onLeave(() => { timers.forEach(clearTimeout); clearInterval(ticking); });
  offerNotices(document.getElementById("notify"));

  function release(ask) {
    const folded = [...ask.querySelectorAll("details[data-fold]")].some((each) => !each.open && !each.dataset.seen);
    for (const each of ask.querySelectorAll("details[data-fold][open]")) each.dataset.seen = "";
    if (performance.now() < begun + STILL) return;
    for (const button of ask.querySelectorAll("button[data-decides]")) {
      const no = button.closest("form").elements.decision.value === "no";
      button.disabled = folded && !no;
    }
  }
}

function left(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, "0")} s`;
}

function offerNotices(button) {
  if (!("Notification" in window) || Notification.permission === "denied") return;
  const on = () => localStorage.getItem(NOTIFY) === "on" && Notification.permission === "granted";
  const show = () => { button.textContent = on() ? "Do not tell me on this computer" : "Tell me on this computer"; };
  button.hidden = false;
  show();
  button.addEventListener("click", async () => {
    if (on()) localStorage.removeItem(NOTIFY);
    else if (await Notification.requestPermission() === "granted") localStorage.setItem(NOTIFY, "on");
    show();
  });
}
