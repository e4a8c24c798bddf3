// JSON whose numbers stay as they were written: 12345678901234567890 is more than a JavaScript number holds.

const raw = typeof JSON.rawJSON === "function";

/** The value of a JSON text. Raises SyntaxError. */
export function parse(text) {
  return raw ? JSON.parse(text, (_, value, context) => (typeof value === "number" ? number(context?.source, value) : value)) : JSON.parse(text);
}

/** A number as it is written: exact, also where it is too large or too long. */
export function number(source, value = Number(source)) {
  if (!raw || source === undefined || isPlain(source, value)) return value;
  return JSON.rawJSON(source);
}

export const isNumber = (value) => typeof value === "number" || (raw && JSON.isRawJSON(value));
export const text = (value) => JSON.stringify(value);
export const pretty = (value) => JSON.stringify(value, null, 2);
export const same = (one, other) => canonical(one) === canonical(other);

function isPlain(source, value) {
  return Number.isFinite(value) && (Number.isSafeInteger(value) ? /^-?\d+$/.test(source) || Math.abs(value) < 1e15 : String(value) === source);
}

function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (value && typeof value === "object" && !isNumber(value)) {
    return `{${Object.keys(value).sort().map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join()}}`;
  }
  return JSON.stringify(value) ?? "undefined";
}
