export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN = new Set([0x7b, 0x5b]);
const CLOSE = new Set([0x7d, 0x5d]);
const COMMA = 0x2c;
const COLON = 0x3a;

const isSpace = (byte: number | undefined): boolean =>
  byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;

function skipSpace(json: Buffer, from: number): number {
  let at = from;
  while (isSpace(json[at])) at++;
  return at;
}

/** The place after the string that begins at `from`. */
function skipString(json: Buffer, from: number): number {
  let at = from + 1;
  while (json[at] !== QUOTE) at += json[at] === BACKSLASH ? 2 : 1;
  return at + 1;
}

/** The place after the value that begins at `from`: that of the comma or bracket behind it, or of space before that. */
function skipValue(json: Buffer, from: number): number {
  let depth = 0;
  let at = from;
  while (at < json.length) {
    const byte = json[at] as number;
    if (byte === QUOTE) {
      at = skipString(json, at);
      if (depth === 0) return at;
      continue;
    }
    if (OPEN.has(byte)) depth++;
    else if (CLOSE.has(byte)) {
      if (depth === 0) return at;
      if (--depth === 0) return at + 1;
    } else if (depth === 0 && (byte === COMMA || isSpace(byte))) return at;
    at++;
  }
  return at;
}

/**
 * The bytes of one member of an object, as they were written; of several of one name the last, as `JSON.parse` has it.
 * @param json the text of an object, known to be valid
 */
export function memberBytes(json: Buffer, name: string): Buffer | undefined {
  let found: Buffer | undefined;
  let at = skipSpace(json, skipSpace(json, 0) + 1);
  while (json[at] === QUOTE) {
    const end = skipString(json, at);
    const key = JSON.parse(json.toString("utf8", at, end)) as string;
    const colon = skipSpace(json, end);
    if (json[colon] !== COLON) return found;
    const start = skipSpace(json, colon + 1);
    const stop = skipValue(json, start);
    if (key === name) found = json.subarray(start, stop);
    const next = skipSpace(json, stop);
    if (json[next] !== COMMA) return found;
    at = skipSpace(json, next + 1);
  }
  return found;
}
