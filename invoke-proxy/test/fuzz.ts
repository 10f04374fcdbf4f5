import type { Case } from "./corpus/cases.ts";

const INSERTS: readonly string[] = [
  "\r",
  "\n",
  "\r\n",
  "\r\n\r\n",
  "\0",
  ":",
  " ",
  "\t",
  ",",
  ";",
  "\x7f",
  "\x80",
  "\xff",
  "#",
  "?",
  "0",
  "f",
  "+",
  "-",
  '"',
  "\\",
  "\x0b",
  "\xa0",
  "chunked",
  "close",
  "Content-Length: 1\r\n",
  "Content-Length: 0\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Connection: close\r\n",
  "Connection: keep-alive\r\n",
  "Connection: upgrade\r\nUpgrade: x\r\n",
  "Proxy-Connection: close\r\n",
  "Host: b\r\n",
  "X: y\r\n",
  "HTTP/1.1",
  "HTTP/1.0",
  "0\r\n\r\n",
  "1;a=b\r\n",
];

type Random = (below: number) => number;
type Mutation = (text: string, random: Random, other: string) => string;

function splice(text: string, at: number, removed: number, added: string): string {
  return text.slice(0, at) + added + text.slice(at + removed);
}

const MUTATIONS: readonly Mutation[] = [
  (text, random) => splice(text, random(text.length), 1, String.fromCharCode(random(256))),
  (text, random) => {
    const at = random(text.length);
    return splice(text, at, 1, String.fromCharCode(text.charCodeAt(at) ^ (1 << random(8))));
  },
  (text, random) => splice(text, random(text.length + 1), 0, INSERTS[random(INSERTS.length)]!),
  (text, random) => splice(text, lineStart(text, random), 0, INSERTS[random(INSERTS.length)]!),
  (text, random) => splice(text, random(text.length), 1 + random(3), ""),
  (text, random) => {
    const lines = text.split("\r\n");
    const from = random(lines.length);
    lines.splice(random(lines.length + 1), 0, lines[from]!);
    return lines.join("\r\n");
  },
  (text, random) => {
    const lines = text.split("\r\n");
    lines.splice(random(lines.length), 1);
    return lines.join("\r\n");
  },
  (text, random, other) => text.slice(0, random(text.length + 1)) + other.slice(random(other.length + 1)),
  (text, random, other) => {
    const lines = other.split("\r\n");
    return splice(text, lineStart(text, random), 0, `${lines[random(lines.length)]!}\r\n`);
  },
  (text, random) => {
    const at = random(text.length);
    const upper = text.slice(at, at + 8);
    return splice(text, at, 8, random(2) === 0 ? upper.toUpperCase() : upper.toLowerCase());
  },
];

function lineStart(text: string, random: Random): number {
  const found = text.indexOf("\r\n", random(text.length));
  return found === -1 ? text.length : found + 2;
}

/** One to four mutations of a message of the corpus; `other` lends it lines and tails. */
export function mutate(one: Case, other: Case, random: Random): string {
  let text = one.bytes;
  for (let left = 1 + random(4); left > 0 && text.length > 0; left -= 1) {
    text = MUTATIONS[random(MUTATIONS.length)]!(text, random, other.bytes);
  }
  return text;
}
