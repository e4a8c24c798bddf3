"use strict";
// Everything that is shown was written by others: it is only ever set as text, never as markup.

const ROOT = new URL("../", document.currentScript.src);     // a proxy may have put a path before it
let token = "";

function at(path) {
  return new URL(path.slice(1), ROOT).href;
}

function make(tag, text, ...inner) {
  const node = document.createElement(tag);
  if (text !== null && text !== undefined) node.textContent = String(text);
  node.append(...inner);
  return node;
}

function ask(path, options = {}) {
  const headers = { ...(options.headers || {}) };
  if (token) headers.Authorization = "Bearer " + token;
  return fetch(at(path), { ...options, headers, cache: "no-store", credentials: "omit" });
}

function complain(text) {
  const place = document.getElementById("problem");
  place.textContent = text;
  place.hidden = !text;
}

async function read(path) {
  const answer = await ask(path);
  const said = await answer.json();
  if (answer.status === 401 || said.code === "forbidden_peer") document.getElementById("token").hidden = false;
  if (!answer.ok) throw new Error(said.error);
  return said;
}

function kindOf(schema) {
  if (!schema || typeof schema !== "object") return "anything";
  const several = schema.oneOf || schema.anyOf;
  if (several) return several.map(kindOf).join(" or ");
  if (schema.enum) return schema.enum.map((each) => JSON.stringify(each)).join(" | ");
  if (schema.type === "array") return "array of " + kindOf(schema.items);
  return Array.isArray(schema.type) ? schema.type.join(" or ") : schema.type || "anything";
}

function sample(schema) {
  if (schema.examples && schema.examples.length) return schema.examples[0];
  if (schema.default !== undefined) return schema.default;
  if (schema.enum) return schema.enum[0];
  const kind = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  return { string: "", integer: schema.minimum || 0, number: schema.minimum || 0, boolean: false,
    array: [], object: {} }[kind] ?? null;
}

function firstParams(schema) {
  const params = {};
  for (const name of schema.required || []) params[name] = sample(schema.properties[name] || {});
  return params;
}

function quoted(text) {
  return "'" + text.replaceAll("'", "'\\''") + "'";
}

function curlOf(path, params, agent, streams) {
  const parts = ["curl", quoted(at(path)), "-H", quoted("X-Agent: " + agent)];
  if (token) parts.push("-H", '"Authorization: Bearer $AGENTOS_TOKEN"');
  if (streams) parts.splice(1, 0, "-N");
  return parts.join(" ") + " --json " + quoted(params);
}

function paramTable(schema) {
  const names = Object.keys(schema.properties || {});
  if (!names.length) return make("p", "No params.");
  const table = make("table", null, make("tr", null, make("th", "param"), make("th", "type"), make("th", "")));
  const required = new Set(schema.required || []);
  for (const name of names) {
    const declared = schema.properties[name];
    const about = [declared.description || ""];
    if (declared.default !== undefined) about.push("Default: " + JSON.stringify(declared.default));
    const marked = name + (required.has(name) ? " *" : "");
    table.append(make("tr", null, make("td", null, make("code", marked)), make("td", kindOf(declared)),
      make("td", about.filter(Boolean).join(" "))));
  }
  return table;
}

async function show(answer, place) {
  const kind = answer.headers.get("content-type") || "";
  place.textContent = answer.status + "\n";
  if (kind.startsWith("text/event-stream")) {
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) place.append(piece.value);
  } else if (kind.startsWith("application/json")) {
    const text = await answer.text();
    place.append(/\d{16}/.test(text) ? text : JSON.stringify(JSON.parse(text), null, 2));
  } else {
    place.append((await answer.arrayBuffer()).byteLength + " bytes of " + kind);
  }
}

function tryIt(path, operation, schema) {
  const params = make("textarea");
  params.value = JSON.stringify(firstParams(schema), null, 2);
  params.setAttribute("aria-label", "Params of " + operation.operationId);
  const agent = make("input");
  agent.value = "docs-page";
  const stream = make("input");
  stream.type = "checkbox";
  const curl = make("pre");
  const button = make("button", "Call");
  const reply = make("pre");
  reply.hidden = true;
  reply.setAttribute("aria-live", "polite");
  const given = () => {
    const read = JSON.parse(params.value || "{}");
    return JSON.stringify(stream.checked ? { ...read, stream: true } : read);
  };
  const renew = () => {
    try {
      curl.textContent = curlOf(path, given(), agent.value, stream.checked);
    } catch (error) {
      curl.textContent = "The params are not JSON: " + error.message;
    }
  };
  for (const node of [params, agent, stream]) node.addEventListener("input", renew);
  button.addEventListener("click", async () => {
    const effect = operation["x-agentos"].effect;
    if (effect === "destroy" && !confirm("This destroys something at the service. Call it?")) return;
    reply.hidden = false;
    reply.textContent = "…";
    button.disabled = true;
    try {
      const headers = { "Content-Type": "application/json", "X-Agent": agent.value };
      await show(await ask(path, { method: "POST", headers, body: given() }), reply);
    } catch (error) {
      reply.textContent = error.message;
    } finally {
      button.disabled = false;
    }
  });
  renew();
  const box = make("div", null, params, make("label", "X-Agent ", agent));
  if (operation["x-agentos"].streams) box.append(make("label", null, stream, " stream"));
  box.append(button, curl, reply);
  return box;
}

function utility(path, operation) {
  const schema = operation.requestBody.content["application/json"].schema;
  const replies = operation.responses["200"].content;
  const about = operation["x-agentos"];
  const facts = [about.effect];
  if (about.streams) facts.push("streams");
  if (about.paginates) facts.push("a list in pages");
  if (about.credential) facts.push("with the credential " + about.credential);
  const box = make("details", null, make("summary", null, make("code", path.split("/").pop()), " ",
    make("span", operation.summary)));
  box.append(make("p", operation.description), make("p", facts.join(" · ")), paramTable(schema));
  const json = replies["application/json"];
  const shown = json ? JSON.stringify(json.schema, null, 2) : "The service's own bytes.";
  box.append(make("details", null, make("summary", "Reply"), make("pre", shown)), tryIt(path, operation, schema));
  return box;
}

function skill(entry) {
  const box = make("details", null, make("summary", null, make("strong", entry.name || entry.id), " ",
    make("code", entry.id), " ", make("span", entry.state === "ready" ? "" : entry.state)));
  box.dataset.skill = entry.id;
  box.append(make("p", entry.description || ""));
  let filled = false;
  box.addEventListener("toggle", async () => {
    if (!box.open || filled) return;
    filled = true;
    if (!(entry.utilities || []).length) {
      box.append(make("p", "Nothing to call: it has instructions only, or is broken."));
      return;
    }
    try {
      const found = await read("/api/skills/" + encodeURIComponent(entry.id) + "/openapi.json?for=tools");
      for (const [path, item] of Object.entries(found.paths)) box.append(utility(path, item.post));
    } catch (error) {
      filled = false;
      complain(error.message);
    }
  });
  return box;
}

async function start() {
  complain("");
  try {
    const found = await read("/api/skills");
    document.getElementById("token").hidden = true;
    document.getElementById("skills").replaceChildren(...found.skills.map(skill));
  } catch (error) {
    complain(error.message);
  }
}

document.getElementById("token").addEventListener("submit", (event) => {
  event.preventDefault();
  token = event.target.querySelector("input").value.trim();
  start();
});
start();
