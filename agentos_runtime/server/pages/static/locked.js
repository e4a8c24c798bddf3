"use strict";
const ROOT = new URL("../", document.currentScript.src);     // a proxy may have put a path before it
const form = document.getElementById("token");
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const headers = { Accept: "text/plain", Authorization: "Bearer " + form.querySelector("input").value.trim() };
  const shown = document.getElementById("shown");
  shown.hidden = false;
  try {
    const answer = await fetch(ROOT, { headers, cache: "no-store", credentials: "omit" });
    shown.textContent = await answer.text();
  } catch (error) {
    shown.textContent = error.message;
  }
});
