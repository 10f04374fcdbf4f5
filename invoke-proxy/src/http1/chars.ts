/** Byte values that the grammar of RFC 9112 gives a meaning of its own. */
export const TAB = 0x09;
export const LF = 0x0a;
export const CR = 0x0d;
export const SP = 0x20;
export const COLON = 0x3a;
export const SEMICOLON = 0x3b;
export const QUERY_MARK = 0x3f;

const ALPHA = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const DIGITS = "0123456789";

function table(members: string): Uint8Array {
  const set = new Uint8Array(256);
  for (const member of members) set[member.charCodeAt(0)] = 1;
  return set;
}

function range(from: number, to: number): string {
  let members = "";
  for (let code = from; code <= to; code += 1) members += String.fromCharCode(code);
  return members;
}

function without(members: string, removed: string): string {
  return [...members].filter((member) => !removed.includes(member)).join("");
}

/** `tchar` of RFC 9110, 5.6.2: what a method or a field name is made of. */
export const TOKEN = table(`${ALPHA}${DIGITS}!#$%&'*+-.^_\`|~`);

/** What may stand in a field value or a reason phrase: visible ASCII, SP, HTAB and obs-text. */
export const TEXT = table(`\t${range(0x20, 0x7e)}${range(0x80, 0xff)}`);

/**
 * A path as clients really send it: RFC 3986 plus what the URL standard of browsers leaves unescaped. A
 * backslash is refused since some parsers read it as a slash; `#` since a fragment is never sent.
 */
export const PATH = table(without(range(0x21, 0x7e), '"#<>?\\'));

/** A query, likewise; a backslash has no second reading here. */
export const QUERY = table(without(range(0x21, 0x7e), '"#<>'));

/** A host name or IPv4 address: unreserved characters only, so that no list or escape hides in it. */
export const HOST_NAME = table(`${ALPHA}${DIGITS}-._~`);

/** The inside of `[...]`: IPv6 in its usual spellings. */
export const IPV6 = table(`${DIGITS}abcdefABCDEF:.`);

export const DIGIT = table(DIGITS);

/** ASCII letters to lower case, every other byte to itself. */
export const LOWER = Uint8Array.from({ length: 256 }, (_, code) =>
  code >= 0x41 && code <= 0x5a ? code + 32 : code,
);

/** The value of a hexadecimal digit; 255 for any other byte. */
export const HEX = Uint8Array.from({ length: 256 }, (_, code) => {
  const value = Number.parseInt(String.fromCharCode(code), 16);
  return Number.isNaN(value) ? 255 : value;
});
