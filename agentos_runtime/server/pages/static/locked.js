"use strict";
const form = document.getElementById("token");
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const headers = { Accept: "text/plain", Authorization: "Bearer " + form.querySelector("input").value.trim() };
  const shown = document.getElementById("shown");
  shown.hidden = false;
  try {
    const answer = await fetch("/", { headers, cache: "no-store", credentials: "omit" });
    shown.textContent = await answer.text();
  } catch (error) {
    shown.textContent = error.message;
  }
});
