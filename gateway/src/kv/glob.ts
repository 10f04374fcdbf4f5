/**
 * Glob patterns of `scan`, as Valkey reads them: `*` any text, `?` one character, `[abc]`, `[a-z]` and `[^a]` one
 * character of a set, `\` takes the next character as it is. Everything else is itself; characters are Unicode's.
 */
type Part =
  | { readonly kind: "one"; readonly test: (character: string) => boolean }
  | { readonly kind: "any" };

export interface Glob {
  /** What every match begins with. */
  readonly prefix: string;
  matches(text: string): boolean;
}

function readSet(
  characters: readonly string[],
  from: number,
): { test: (c: string) => boolean; next: number } {
  let at = from + 1;
  const negated = characters[at] === "^";
  if (negated) at++;
  const ranges: (readonly [string, string])[] = [];
  // A set that is not closed ends with the pattern.
  for (; at < characters.length && characters[at] !== "]"; at++) {
    if (characters[at] === "\\" && at + 1 < characters.length) at++;
    const low = characters[at] as string;
    const dash = characters[at + 1] === "-" && at + 2 < characters.length && characters[at + 2] !== "]";
    const high = dash ? (characters[at + 2] as string) : low;
    if (dash) at += 2;
    ranges.push(low <= high ? [low, high] : [high, low]);
  }
  const isIn = (c: string): boolean => ranges.some(([low, high]) => c >= low && c <= high);
  return { test: (c) => isIn(c) !== negated, next: at };
}

function parse(pattern: string): { parts: Part[]; prefix: string } {
  const characters = [...pattern];
  const parts: Part[] = [];
  let prefix = "";
  let literal = true;
  for (let at = 0; at < characters.length; at++) {
    let character = characters[at] as string;
    if (character === "*") {
      literal = false;
      if (parts.at(-1)?.kind !== "any") parts.push({ kind: "any" });
    } else if (character === "?") {
      literal = false;
      parts.push({ kind: "one", test: () => true });
    } else if (character === "[") {
      literal = false;
      const { test, next } = readSet(characters, at);
      parts.push({ kind: "one", test });
      at = next;
    } else {
      if (character === "\\" && at + 1 < characters.length) character = characters[++at] as string;
      const own = character;
      if (literal) prefix += own;
      parts.push({ kind: "one", test: (c) => c === own });
    }
  }
  return { parts, prefix };
}

/** Steps over `text` once for each `*`: time grows with their product, never with a power of it. */
function matchParts(parts: readonly Part[], text: readonly string[]): boolean {
  let part = 0;
  let at = 0;
  let star = -1;
  let retry = 0;
  while (at < text.length) {
    const current = parts[part];
    if (current?.kind === "one" && current.test(text[at] as string)) {
      part++;
      at++;
    } else if (current?.kind === "any") {
      star = part++;
      retry = at;
    } else if (star !== -1) {
      part = star + 1;
      at = ++retry;
    } else {
      return false;
    }
  }
  while (parts[part]?.kind === "any") part++;
  return part === parts.length;
}

export function parseGlob(pattern: string): Glob {
  const { parts, prefix } = parse(pattern);
  return { prefix, matches: (text) => matchParts(parts, [...text]) };
}

/** A pattern that matches `text` and nothing else. */
export function escapeGlob(text: string): string {
  return text.replaceAll(/[*?[\]\\^-]/g, (character) => `\\${character}`);
}
