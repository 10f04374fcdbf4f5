/** One way to authenticate that a server offers (RFC 9110, section 11.6.1). */
export interface Challenge {
  /** In lower case: `basic`, `bearer`. */
  readonly scheme: string;
  /** Names in lower case. */
  readonly parameters: Readonly<Record<string, string>>;
}

const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const VALUE = /"((?:[^"\\]|\\.)*)"|([^\s,"]+)/y;
const BLANKS = /[\s,]*/y;
const EQUALS = /\s*=\s*/y;

/** Reads a `WWW-Authenticate` header; several challenges may be in it. What cannot be read ends the reading. */
export function parseChallenges(header: string): Challenge[] {
  const found: Array<{ scheme: string; parameters: Record<string, string> }> = [];
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at;
    const match = pattern.exec(header);
    if (match === null) return undefined;
    at = pattern.lastIndex;
    return match;
  };
  for (;;) {
    take(BLANKS);
    const word = take(TOKEN)?.[0].toLowerCase();
    if (word === undefined) return found;
    const value = take(EQUALS) && take(VALUE);
    const current = found.at(-1);
    if (value === undefined) found.push({ scheme: word, parameters: {} });
    else if (current !== undefined)
      current.parameters[word] = value[1]?.replaceAll(/\\(.)/g, "$1") ?? value[2] ?? "";
  }
}
