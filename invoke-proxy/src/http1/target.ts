import { DIGIT, HOST_NAME, IPV6 } from "./chars.ts";

const COLON = 0x3a;
const OPEN = 0x5b;
const CLOSE = 0x5d;

function isPort(text: string, from: number): boolean {
  if (text.length - from > 5) return false;
  for (let at = from; at < text.length; at += 1) {
    if (DIGIT[text.charCodeAt(at)] !== 1) return false;
  }
  return Number(text.slice(from)) <= 65_535;
}

/**
 * `uri-host [ ":" port ]` of RFC 9110, 7.2, narrowed to names, IPv4 and bracketed IPv6: no user information, no
 * escapes and no sub-delimiters, since parsers disagree about those. Empty is refused.
 */
export function isAuthority(text: string): boolean {
  let at = 0;
  if (text.charCodeAt(0) === OPEN) {
    at = 1;
    while (IPV6[text.charCodeAt(at)] === 1) at += 1;
    if (at === 1 || text.charCodeAt(at) !== CLOSE) return false;
    at += 1;
  } else {
    while (HOST_NAME[text.charCodeAt(at)] === 1) at += 1;
    if (at === 0) return false;
  }
  if (at === text.length) return true;
  return text.charCodeAt(at) === COLON && isPort(text, at + 1);
}

export interface AbsoluteTarget {
  readonly scheme: "http" | "https";
  readonly authority: string;
  /** Path and query, at least `/`. */
  readonly path: string;
}

const ABSOLUTE = /^(https?):\/\/([^/?]+)(\/[^?]*)?(\?.*)?$/i;

/** Takes `http://authority/path?query` apart; undefined when it is anything else. */
export function splitAbsolute(target: string): AbsoluteTarget | undefined {
  const parts = ABSOLUTE.exec(target);
  if (parts === null || !isAuthority(parts[2]!)) return undefined;
  const scheme = parts[1]!.toLowerCase() === "https" ? "https" : "http";
  return { scheme, authority: parts[2]!, path: `${parts[3] ?? "/"}${parts[4] ?? ""}` };
}

function comparable(authority: string, scheme: "http" | "https"): string {
  const lower = authority.toLowerCase();
  const usual = scheme === "https" ? ":443" : ":80";
  if (lower.endsWith(usual)) return lower.slice(0, -usual.length);
  return lower.endsWith(":") ? lower.slice(0, -1) : lower;
}

/** Whether `Host` names the authority of the target: case and the scheme's usual port make no difference. */
export function sameAuthority(target: AbsoluteTarget, host: string): boolean {
  return comparable(target.authority, target.scheme) === comparable(host, target.scheme);
}
