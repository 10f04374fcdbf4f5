import { describe, expect, it } from "vitest";
import { parseRequestHead, type RequestHead } from "./request-head.ts";

const LIMITS = { maxHeadBytes: 1024, maxTargetBytes: 100, maxHeaders: 10 };

function parse(text: string): RequestHead | undefined {
  const buffer = Buffer.from(text, "latin1");
  return parseRequestHead(buffer, 0, buffer.length, LIMITS);
}

function head(line: string, ...fields: string[]): RequestHead {
  return parse(`${[line, ...fields].join("\r\n")}\r\n\r\n`)!;
}

describe("parseRequestHead", () => {
  it("keeps names as sent, gives them in lower case and trims values", () => {
    const found = head("GET / HTTP/1.1", "hOsT: a", "X-Own:\t b c \t", "Content-TYPE: d");
    expect(found.names).toEqual(["hOsT", "X-Own", "Content-TYPE"]);
    expect(found.lower).toEqual(["host", "x-own", "content-type"]);
    expect(found.values).toEqual(["a", "b c", "d"]);
  });

  it("routes an absolute target by its path and takes its authority as the host", () => {
    const found = head("GET http://A.example:80?x=1 HTTP/1.1", "Host: a.example");
    expect(found).toMatchObject({ target: "http://A.example:80?x=1", path: "/?x=1", host: "A.example:80" });
  });

  it("counts a tolerated empty line among the bytes", () => {
    expect(parse("\r\nGET / HTTP/1.0\r\n\r\nrest")).toMatchObject({
      bytes: 20,
      host: undefined,
      keepAlive: false,
    });
  });

  it("lists what Connection nominates, without close and keep-alive", () => {
    const found = head("GET / HTTP/1.1", "Host: a", "Connection: keep-alive, X-A", "Connection: TE");
    expect(found).toMatchObject({ hopByHop: ["x-a", "te"], keepAlive: true });
    expect(head("GET / HTTP/1.1", "Host: a", "Connection: x, Close").keepAlive).toBe(false);
  });

  it("reports an upgrade only where Connection names it and the version is 1.1", () => {
    const asked = ["Host: a", "Connection: Upgrade", "Upgrade: websocket"];
    expect(head("GET / HTTP/1.1", ...asked).upgrade).toBe("websocket");
    expect(head("GET / HTTP/1.0", ...asked).upgrade).toBeUndefined();
    expect(head("GET / HTTP/1.1", "Host: a", "Upgrade: websocket").upgrade).toBeUndefined();
  });

  it("keeps HTTP/1.0 open only when asked, and never when Proxy-Connection closes", () => {
    expect(head("GET / HTTP/1.0", "Connection: keep-alive").keepAlive).toBe(true);
    expect(head("GET / HTTP/1.1", "Host: a", "Proxy-Connection: close").keepAlive).toBe(false);
  });

  it("reports Expect: 100-continue for HTTP/1.1 alone", () => {
    expect(head("PUT / HTTP/1.1", "Host: a", "Expect: 100-Continue").expectContinue).toBe(true);
    expect(head("PUT / HTTP/1.0", "Expect: 100-continue").expectContinue).toBe(false);
  });

  it("gives the framing of each kind of body", () => {
    expect(head("PUT / HTTP/1.1", "Host: a").framing).toEqual({ kind: "none" });
    expect(head("PUT / HTTP/1.1", "Host: a", "Content-Length: 0").framing).toEqual({ kind: "none" });
    expect(head("PUT / HTTP/1.1", "Host: a", "Content-Length: 9007199254740991").framing).toEqual({
      kind: "length",
      length: Number.MAX_SAFE_INTEGER,
    });
    expect(head("PUT / HTTP/1.1", "Host: a", "transfer-encoding: CHUNKED").framing).toEqual({
      kind: "chunked",
    });
  });

  it("reads only start to end of the buffer", () => {
    const text = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    const buffer = Buffer.from(`junk${text}\0\n`, "latin1");
    expect(parseRequestHead(buffer, 4, 4 + text.length, LIMITS)).toMatchObject({ bytes: text.length });
    expect(parseRequestHead(buffer, 4, 3 + text.length, LIMITS)).toBeUndefined();
  });

  it("refuses at each limit and not before it", () => {
    const fill = (length: number) => `X: ${"v".repeat(length)}`;
    const rest = "GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n".length;
    expect(head("GET / HTTP/1.1", "Host: a", fill(1024 - rest)).bytes).toBe(1024);
    expect(() => head("GET / HTTP/1.1", "Host: a", fill(1025 - rest))).toThrow("larger than 1024");
    expect(head(`GET /${"a".repeat(99)} HTTP/1.1`, "Host: a").target).toHaveLength(100);
    expect(() => head(`GET /${"a".repeat(100)} HTTP/1.1`, "Host: a")).toThrow("longer than 100");
    const fields = Array.from({ length: 10 }, (_, index) => `X-${index}: 1`);
    expect(head("GET / HTTP/1.0", ...fields).names).toHaveLength(10);
    expect(() => head("GET / HTTP/1.0", ...fields, "One: 1")).toThrow("more than 10 headers");
  });

  it("refuses a forbidden byte of an incomplete head at once", () => {
    expect(() => parse("GET / HTTP/1.1\nHost")).toThrow("bare LF");
    expect(() => parse("\x16\x03\x01")).toThrow("control character");
    expect(parse("GET / HTTP/1.1\r")).toBeUndefined();
  });

  it("never repeats bytes of the client in a reason", () => {
    expect(() => head("GET / HTTP/1.1", "Host: a", "Content-Length: secret")).toThrow(
      /^the request is refused: Content-Length is not a plain number$/,
    );
  });
});
