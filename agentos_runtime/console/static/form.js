// A form from any JSON Schema. What it cannot draw is a field for JSON: nothing is lost.
// A field has `element`, `get()` (undefined = left out), `set(value)` (false = it cannot show that value) and `find(path)`.

import { el } from "./console.js";
import { isNumber, number, parse, pretty, same, text } from "./json.js";

const DEEPEST = 8;
let made = 0;

/** The form for an object schema. `changed` is called after each change by a person. */
export function makeForm(schema, changed) {
  const reading = new Set();
  const form = new ObjectField({ schema, root: schema, depth: 0, changed, reading, required: true }, true);
  return {
    element: form.element,
    get: () => form.get() ?? {},
    set(value) { form.set(value); },
    find: (path) => form.find(steps(path)),
    /** Once the files that were chosen are read. */
    read: () => Promise.all(reading),
  };
}

/** `messages[0].role` and `["odd name"]` as `["messages", 0, "role"]`. */
export function steps(path) {
  const found = [];
  for (const [, index, quoted, name] of path.matchAll(/\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]|([^.[\]]+)/g)) {
    found.push(index !== undefined ? Number(index) : quoted !== undefined ? JSON.parse(quoted) : name);
  }
  return found;
}

// ---- schemas ----

function resolve(schema, root, seen = new Set()) {
  if (schema === true || schema === undefined) return {};
  if (schema === false || typeof schema !== "object") return { not: {} };
  if (typeof schema.$ref === "string") {
    if (!schema.$ref.startsWith("#") || seen.has(schema.$ref)) return {};
    let target = root;
    for (const part of schema.$ref.slice(1).split("/").slice(1)) target = target?.[decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~")];
    const { $ref, ...beside } = schema;
    return { ...resolve(target, root, new Set([...seen, $ref])), ...beside };
  }
  if (Array.isArray(schema.allOf)) {
    const { allOf, ...beside } = schema;
    return allOf.map((each) => resolve(each, root, seen)).reduce(merge, beside);
  }
  return schema;
}

function merge(one, other) {
  const both = { ...one, ...other };
  if (one.properties && other.properties) both.properties = { ...one.properties, ...other.properties };
  if (one.required && other.required) both.required = [...new Set([...one.required, ...other.required])];
  if (one.type && other.type && text(one.type) !== text(other.type)) delete both.type;
  return both;
}

const isFile = (schema) => schema.contentEncoding === "base64";
const named = (type) => ({ integer: "whole number", boolean: "yes or no" })[type] ?? type;

export function kindOf(schema) {
  if (isFile(schema)) return "file";
  if (Array.isArray(schema.enum)) return `one of ${schema.enum.length}`;
  if ("const" in schema) return "fixed";
  if (schema.oneOf || schema.anyOf) return "one of several";
  if (Array.isArray(schema.type)) return schema.type.map(named).join(" or ");
  return schema.type ? named(schema.type) : schema.properties ? "object" : "any JSON";
}

function typeOf(value) {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (isNumber(value)) return "number";
  return typeof value;
}

const isNull = (schema) => schema && typeof schema === "object" && schema.type === "null";

/** Without the null that stands beside one other type: an empty field leaves the param out, and JSON says null. */
function withoutNull(schema) {
  if (Array.isArray(schema.enum) || "const" in schema) return schema;
  if (Array.isArray(schema.type)) {
    const others = schema.type.filter((each) => each !== "null");
    return others.length === 1 && others.length < schema.type.length ? { ...schema, type: others[0] } : schema;
  }
  const listed = schema.oneOf ?? schema.anyOf;
  if (!Array.isArray(listed) || schema.properties) return schema;
  const others = listed.filter((each) => !isNull(each));
  if (others.length !== 1 || others.length === listed.length || typeof others[0] !== "object") return schema;
  const { oneOf, anyOf, ...beside } = schema;
  return { ...others[0], ...beside };
}

/** Whether its example has members that it does not describe: fields for the others would leave those out. */
function saysMore(schema) {
  const example = schema.examples?.[0];
  return typeOf(example) === "object" && Object.keys(example).some((name) => !Object.hasOwn(schema.properties ?? {}, name));
}

/** Which class draws a schema. */
function drawerOf(schema, depth) {
  if (depth > DEEPEST) return JsonField;
  if (isFile(schema)) return FileField;
  if (Array.isArray(schema.enum) || "const" in schema) return ChoiceField;
  const branches = schema.oneOf ?? schema.anyOf;
  if (Array.isArray(branches) && branches.length && !schema.properties) return BranchField;
  if (Array.isArray(schema.type)) return schema.type.length > 1 ? BranchField : drawerOf({ ...schema, type: schema.type[0] }, depth);
  switch (schema.type) {
    case "string": return TextField;
    case "integer": case "number": return NumberField;
    case "boolean": return ChoiceField;
    case "null": return ChoiceField;
    case "array": return schema.items && typeof schema.items === "object" && !Array.isArray(schema.items) && !schema.prefixItems ? ListField : JsonField;
    case "object": case undefined: return schema.properties && !saysMore(schema) ? ObjectField : JsonField;
    default: return JsonField;
  }
}

// ---- fields ----

class Field {
  constructor(about) {
    Object.assign(this, about);
    this.id = `f${++made}`;
  }
  below(schema, more = {}) {
    return { schema, root: this.root, depth: this.depth + 1, changed: this.changed, reading: this.reading, required: false, ...more };
  }
  find() { return this; }
  get focusable() { return this.element.querySelector("input, select, textarea, button") ?? this.element; }
  label(control = this.id) {
    if (!this.name && !this.title) return null;
    return el("div", { class: "name" }, el("label", { for: control }, this.title ?? this.name),
      this.required ? el("span", { class: "must", "aria-hidden": "true" }, "*") : null,
      this.required ? el("span", { class: "sr" }, " (required)") : null,
      el("span", { class: "kind" }, kindOf(this.schema)));
  }
  help() {
    const said = [this.schema.description, this.schema.default !== undefined && this.shownDefault ? `Default: ${text(this.schema.default)}` : null];
    const words = said.filter(Boolean).join(" ");
    return words ? el("p", { class: "help", id: `${this.id}-help` }, words) : null;
  }
  describe(control) {
    control.id = this.id;
    if (this.schema.description) control.setAttribute("aria-describedby", `${this.id}-help`);
    if (this.required && this.name) control.setAttribute("aria-required", "true");
    if (!this.name && !this.title) control.setAttribute("aria-label", this.spoken ?? "value");
    return control;
  }
  wrap(...parts) { return el("div", { class: "field" }, this.label(), ...parts, this.help()); }
  /** Shows what is wrong here; nothing with no sentence. */
  complain(sentence) {
    this.element.querySelector(":scope > .wrong")?.remove();
    const control = this.focusable;
    control.removeAttribute("aria-invalid");
    if (!sentence) return;
    control.setAttribute("aria-invalid", "true");
    this.element.append(el("p", { class: "wrong" }, sentence));
  }
}

class TextField extends Field {
  constructor(about) {
    super(about);
    const long = this.schema.maxLength > 200 || /text|content|prompt|body|message|query|instructions/i.test(this.name ?? this.spoken ?? "");
    this.control = this.describe(el(long ? "textarea" : "input", { rows: long ? 2 : null, type: long ? null : "text", autocomplete: "off", spellcheck: long ? null : "false",
      placeholder: typeof this.schema.default === "string" ? this.schema.default : null, oninput: () => { this.given = this.control.value !== ""; this.changed(); } }));
    this.given = false;
    this.element = this.wrap(this.control);
  }
  // An empty text that was given is a value; one that nobody has touched is none.
  get() { return this.control.value !== "" ? this.exact ?? this.control.value : this.given || (this.required && this.inList) ? "" : undefined; }
  set(value) {
    if (value !== undefined && typeof value !== "string") return false;
    if (value?.includes("\r") || (value?.includes("\n") && this.control.tagName === "INPUT")) return false;
    this.control.value = value ?? "";
    this.given = value !== undefined;
    return this.control.value === (value ?? "");
  }
}

class NumberField extends Field {
  constructor(about) {
    super(about);
    this.control = this.describe(el("input", { type: "text", inputmode: this.schema.type === "integer" ? "numeric" : "decimal", autocomplete: "off",
      placeholder: this.schema.default !== undefined ? text(this.schema.default) : null, oninput: () => this.changed() }));
    this.element = this.wrap(this.control);
  }
  get() {
    const typed = this.control.value.trim();
    if (!typed) return undefined;
    return /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(typed) ? number(typed) : typed;   // what is no number is refused with a sentence
  }
  set(value) {
    if (value !== undefined && !isNumber(value)) return false;
    this.control.value = value === undefined ? "" : text(value);
    return true;
  }
}

/** enum, const, boolean, null: one of some values. */
class ChoiceField extends Field {
  constructor(about) {
    super(about);
    const { schema } = this;
    this.values = "const" in schema ? [schema.const] : schema.enum ?? (schema.type === "null" ? [null] : [true, false]);
    const none = schema.default !== undefined ? `default: ${text(schema.default)}` : "–";
    this.control = this.describe(el("select", { onchange: () => this.changed() }, el("option", { value: "" }, none),
      ...this.values.map((value, index) => el("option", { value: String(index) }, this.word(value)))));
    this.element = this.wrap(this.control);
  }
  word(value) { return typeof value === "string" && value !== "" ? value : text(value); }
  get() { return this.control.value === "" ? undefined : this.values[Number(this.control.value)]; }
  set(value) {
    const index = this.values.findIndex((each) => same(each, value));
    if (value !== undefined && index < 0) return false;
    this.control.value = value === undefined ? "" : String(index);
    return true;
  }
}

/** Any JSON; empty is left out. */
class JsonField extends Field {
  constructor(about) {
    super(about);
    this.control = this.describe(el("textarea", { class: "json", rows: "3", spellcheck: "false", autocomplete: "off",
      placeholder: this.schema.examples?.[0] !== undefined ? text(this.schema.examples[0]) : "JSON", oninput: () => { this.check(); this.changed(); } }));
    this.element = this.wrap(this.control);
  }
  check() {
    try { if (this.control.value.trim()) parse(this.control.value); this.complain(null); return true; } catch (error) { this.complain(`No JSON: ${error.message}`); return false; }
  }
  get() {
    if (!this.control.value.trim()) return undefined;
    try { return parse(this.control.value); } catch { return this.control.value; }
  }
  set(value) {
    this.control.value = value === undefined ? "" : pretty(value);
    this.complain(null);
    return true;
  }
}

class FileField extends Field {
  constructor(about) {
    super(about);
    this.value = undefined;
    this.control = this.describe(el("input", { type: "file", onchange: () => this.choose() }));
    this.note = el("p", { class: "help" });
    this.element = el("div", { class: "field" }, this.label(), this.control, this.note, this.help());
  }
  choose() {
    const reading = this.read(this.file = this.control.files[0]).finally(() => this.reading.delete(reading));
    this.reading.add(reading);
  }
  async read(file) {
    this.complain(null);
    if (!file) { this.value = undefined; this.changed(); return; }
    const read = await file.arrayBuffer().catch(() => null);
    if (this.file !== file) return;
    if (!read) { this.set(undefined); this.complain(`${file.name} cannot be read.`); this.changed(); return; }
    const bytes = new Uint8Array(read);
    let binary = "";
    for (let at = 0; at < bytes.length; at += 0x8000) binary += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
    this.value = { data: btoa(binary), filename: file.name, ...(file.type ? { content_type: file.type } : {}) };
    this.note.textContent = `${file.size.toLocaleString("en")} bytes`;
    this.changed();
  }
  get() { return this.value; }
  set(value) {
    this.value = value;
    this.file = null;
    this.control.value = "";
    this.note.textContent = value === undefined ? "" : `Set in the JSON: ${value?.filename ?? `${(value?.data ?? value)?.length ?? 0} characters`}`;
    return true;
  }
}

class ListField extends Field {
  constructor(about) {
    super(about);
    this.items = resolve(this.schema.items, this.root);
    const example = this.schema.examples?.[0]?.[0];
    if (example !== undefined && this.items.examples === undefined) this.items = { ...this.items, examples: [example] };
    this.entries = [];
    this.given = false;
    this.place = el("div", { class: "more" });
    this.add = el("button", { type: "button", onclick: () => { this.append().focusable.focus(); this.given = true; this.changed(); } }, `Add to ${this.name ?? "the list"}`);
    this.element = this.outline(el("div", { class: "nest" }, this.place, el("div", {}, this.add)));
  }
  outline(inner) {
    return el("fieldset", { class: "field" }, el("legend", { class: "name" }, this.name ?? this.title ?? "entry",
      this.required && this.name ? el("span", { class: "must", "aria-hidden": "true" }, "*") : null, el("span", { class: "kind" }, kindOf(this.schema))), this.help(), inner);
  }
  append() {
    const field = new Slot(this.below(this.items, { required: true, inList: true, spoken: `entry ${this.entries.length + 1} of ${this.name ?? "the list"}` }));
    const row = el("div", { class: "entry" }, field.element, el("button", { type: "button", "aria-label": `Remove entry ${this.entries.length + 1}`, onclick: () => {
      this.entries.splice(this.entries.indexOf(field), 1);
      row.remove();
      this.add.focus();
      this.changed();
    } }, "×"));
    this.entries.push(field);
    this.place.append(row);
    return field;
  }
  get() {
    const values = this.entries.map((entry) => entry.get() ?? null);
    return values.length || this.given ? values : undefined;
  }
  set(value) {
    if (value !== undefined && !Array.isArray(value)) return false;
    this.entries = [];
    this.place.replaceChildren();
    this.given = value !== undefined;
    for (const each of value ?? []) this.append().set(each);
    return true;
  }
  find([first, ...rest]) { return (typeof first === "number" && this.entries[first]?.find(rest)) || this; }
}

class ObjectField extends Field {
  constructor(about, top = false) {
    super(about);
    this.fields = new Map();
    this.others = {};
    this.given = false;
    const needed = new Set(this.schema.required ?? []);
    const first = el("div", { class: "more" }), later = el("div", { class: "more" });
    for (const [name, each] of Object.entries(this.schema.properties ?? {})) {
      const field = new Slot(this.below(resolve(each, this.root), { name, required: needed.has(name) }));
      this.fields.set(name, field);
      (field.required ? first : later).append(field.element);
    }
    const count = later.childElementCount;
    this.details = count ? el("details", { open: !first.childElementCount && count <= 8 }, el("summary", {}, `${count} optional param${count === 1 ? "" : "s"}`), later) : null;
    this.rest = new JsonField(this.below({ type: "object", description: "What it holds beside" }, { title: "others", changed: () => this.restChanged() }));
    this.rest.element.hidden = true;
    const inner = [first.childElementCount ? first : null, this.details, this.rest.element].filter(Boolean);
    if (top) this.element = el("div", { class: "more" }, ...(inner.length > 1 ? inner : [el("p", { class: "dim" }, "It takes no params."), ...inner]));
    else this.element = this.named(el("div", { class: "nest" }, ...inner));
  }
  restChanged() {
    const others = this.rest.get();
    if (others === undefined || typeOf(others) === "object") this.others = others ?? {};
    this.changed();
  }
  named(inner) {
    if (!this.name && !this.title) return el("div", { class: "field", role: "group", "aria-label": this.spoken ?? "object" }, inner);
    return ListField.prototype.outline.call(this, inner);
  }
  get() {
    const value = { };
    for (const [name, field] of this.fields) {
      const each = field.get();
      if (each !== undefined) Object.defineProperty(value, name, { value: each, enumerable: true, configurable: true, writable: true });
    }
    for (const [name, each] of Object.entries(this.others)) Object.defineProperty(value, name, { value: each, enumerable: true, configurable: true, writable: true });
    return Object.keys(value).length || this.given || this.inList ? value : undefined;
  }
  set(value) {
    if (value !== undefined && typeOf(value) !== "object") return false;
    this.given = value !== undefined;
    this.others = {};
    const own = new Map(Object.entries(value ?? {}));
    for (const [name, field] of this.fields) field.set(own.get(name));
    for (const [name, each] of own) if (!this.fields.has(name)) Object.defineProperty(this.others, name, { value: each, enumerable: true, configurable: true, writable: true });
    this.rest.set(Object.keys(this.others).length ? this.others : undefined);
    this.rest.element.hidden = !Object.keys(this.others).length;
    if (this.details && [...this.fields].some(([name, field]) => !field.required && own.has(name))) this.details.open = true;
    return true;
  }
  find([first, ...rest]) {
    const below = this.fields.get(first);
    if (below && this.details?.contains(below.element)) this.details.open = true;
    return below?.find(rest) ?? this;
  }
}

/** oneOf, anyOf, several types: a choice, and the field of what was chosen. */
class BranchField extends Field {
  constructor(about) {
    super(about);
    const { oneOf, anyOf, type, ...beside } = this.schema;
    const listed = oneOf ?? anyOf ?? type.map((each) => ({ type: each }));
    delete beside.description;
    delete beside.default;
    this.branches = listed.map((each) => { const own = resolve(each, this.root); return oneOf || anyOf ? own : { ...beside, ...own }; });
    this.control = this.describe(el("select", { onchange: () => { this.choose(this.control.value); this.given = true; this.changed(); } },
      el("option", { value: "" }, "–"), ...this.branches.map((branch, index) => el("option", { value: String(index) }, branchName(branch, index)))));
    this.place = el("div", { class: "nest", hidden: true });
    this.element = el("div", { class: "field" }, this.label(), this.control, this.help(), this.place);
  }
  choose(index) {
    this.control.value = index;
    this.field = index === "" ? null : new Slot(this.below(this.branches[Number(index)], { required: true, inList: true, spoken: this.name ?? this.spoken }));
    this.place.replaceChildren(...(this.field ? [this.field.element] : []));
    this.place.hidden = !this.field;
  }
  get() { return this.field?.get() ?? (this.field && typeIs(this.branches[Number(this.control.value)], "null") ? null : undefined); }
  set(value) {
    this.choose("");
    if (value === undefined) return true;
    const ranked = this.branches.map((branch, index) => [fit(branch, value, this.root), index]).filter(([points]) => points > 0).sort((a, b) => b[0] - a[0]);
    for (const [, index] of ranked) {
      this.choose(String(index));
      this.field.set(value);
      if (!this.field.isJson && same(this.field.get(), value)) return true;
    }
    this.choose("");
    return false;
  }
  find(path) { return this.field?.find(path) ?? this; }
}

const typeIs = (branch, type) => branch.type === type;

function branchName(branch, index) {
  if (branch.title) return branch.title;
  if ("const" in branch) return text(branch.const);
  for (const [name, each] of Object.entries(branch.properties ?? {})) if (each && typeof each === "object" && "const" in each) return `${name}: ${text(each.const)}`;
  return branch.description?.length < 50 ? branch.description : `${kindOf(branch)}${branch.required?.length ? ` with ${branch.required.join(", ")}` : ""}` || `form ${index + 1}`;
}

/** How well a value fits a branch; 0 = not at all. */
function fit(branch, value, root) {
  const type = typeOf(value);
  if ("const" in branch) return same(branch.const, value) ? 9 : 0;
  if (branch.enum) return branch.enum.some((each) => same(each, value)) ? 8 : 0;
  const types = [branch.type ?? []].flat();
  if (types.length && !types.includes(type) && !(type === "number" && types.includes("integer"))) return 0;
  if (type !== "object" || !branch.properties) return types.length ? 2 : 1;
  const names = Object.keys(value);
  const missing = (branch.required ?? []).filter((name) => !(name in value)).length;
  const wrong = names.filter((name) => { const each = resolve(branch.properties[name], root); return branch.properties[name] && ("const" in each || each.enum) && !fit(each, value[name], root); }).length;
  return wrong || missing ? 0.5 : 3 + names.filter((name) => name in branch.properties).length;
}

/** Holds the field for a schema, and in its place one for JSON as soon as a value comes that the field cannot show. */
class Slot extends Field {
  constructor(about) {
    super(about);
    this.schema = withoutNull(this.schema);
    if (this.schema.$ref) this.schema = resolve(this.schema, this.root);
    this.element = el("div", { class: "field" });
    this.draw(drawerOf(this.schema, this.depth));
  }
  draw(Drawer) {
    const { element, id, inner, drawer, ...about } = this;
    this.drawer = Drawer;
    this.inner = new Drawer(about);
    this.element.replaceChildren(this.inner.element);
  }
  get isJson() { return this.drawer === JsonField; }
  get() { return this.inner.get(); }
  set(value) {
    const own = drawerOf(this.schema, this.depth);
    if (this.drawer !== own) this.draw(own);
    if (this.inner.set(value) && (value === undefined || same(this.inner.get(), value))) return true;
    this.draw(JsonField);
    return this.inner.set(value);
  }
  find(path) { return path.length ? this.inner.find(path) : this.inner; }
  get focusable() { return this.inner.focusable; }
}
