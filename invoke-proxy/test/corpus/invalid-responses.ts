import { answer, type InvalidResponseCase, response, type ResponseCase } from "./cases.ts";

const EMPTY = "Content-Length: 0";
const CHUNKED = "Transfer-Encoding: chunked";
const OK = response("HTTP/1.1 200 OK", [EMPTY]);

function statusLines(): ResponseCase[] {
  const bad = [
    "HTTP/1.1",
    "HTTP/1.1 ",
    "HTTP/1.1 200",
    "HTTP/1.1  200 OK",
    "HTTP/1.1\t200 OK",
    "HTTP/1.1 20 OK",
    "HTTP/1.1 2000 OK",
    "HTTP/1.1 099 OK",
    "HTTP/1.1 000 OK",
    "HTTP/1.1 600 OK",
    "HTTP/1.1 999 OK",
    "HTTP/1.1 2x0 OK",
    "HTTP/1.1 +20 OK",
    "HTTP/1.1 OK",
    "HTTP/1.1 200\tOK",
    "HTTP/1.1 200-OK",
    "HTTP/2.0 200 OK",
    "HTTP/1.2 200 OK",
    "HTTP/0.9 200 OK",
    "http/1.1 200 OK",
    "HTTP 200 OK",
    "HTTP/1 200 OK",
    "HTTP/11 200 OK",
    "ICY 200 OK",
    " HTTP/1.1 200 OK",
    "\r\nHTTP/1.1 200 OK",
    "HTTP/1.1 200 O\0K",
    "HTTP/1.1 200 O\x07K",
    "HTTP/1.1 200 O\x7fK",
    "HTTP/1.1 200 O\rK",
    "HTTP/1.1 200 O\nK",
    "HTTP/1.1 200 OK\r",
    "200 OK",
    "<html>",
    "Traceback (most recent call last):",
    "GET / HTTP/1.1",
  ];
  return bad.map((line) => answer(`status line <${line}>`, response(line, [EMPTY])));
}

function framing(): ResponseCase[] {
  const bad: readonly (readonly [string, readonly string[]])[] = [
    ["both framings", ["Content-Length: 5", CHUNKED]],
    ["chunked with a length of 0", [CHUNKED, EMPTY]],
    ["two lengths", ["Content-Length: 5", "Content-Length: 6"]],
    ["the same length twice", ["Content-Length: 5", "Content-Length: 5"]],
    ["a list of lengths", ["Content-Length: 5, 5"]],
    ["a signed length", ["Content-Length: +5"]],
    ["a negative length", ["Content-Length: -1"]],
    ["an empty length", ["Content-Length:"]],
    ["a length beyond 2^53", ["Content-Length: 9007199254740992"]],
    ["a coding beside chunked", ["Transfer-Encoding: gzip, chunked"]],
    ["another coding", ["Transfer-Encoding: gzip"]],
    ["identity", ["Transfer-Encoding: identity"]],
    ["chunked twice", [CHUNKED, CHUNKED]],
    ["chunked twice in a list", ["Transfer-Encoding: chunked, chunked"]],
    ["an empty coding", ["Transfer-Encoding:"]],
    ["a folded line", ["X-A: 1\r\n 2", EMPTY]],
    ["a space before the colon", ["X-A : 1", EMPTY]],
    ["a line without a colon", ["X-A", EMPTY]],
    ["a name that is no token", ["X A: 1", EMPTY]],
    ["no name", [": 1", EMPTY]],
    ["NUL in a value", ["X-A: \0", EMPTY]],
    ["a bare CR", ["X-A: a\rb", EMPTY]],
    ["a bare LF", ["X-A: a\nb", EMPTY]],
    ["DEL in a value", ["X-A: \x7f", EMPTY]],
    ["a malformed Connection", ["Connection: keep alive", EMPTY]],
    ["a hundred and one fields", Array.from({ length: 101 }, (_, at) => `X-${at}: 1`)],
    ["an oversized head", [`X-A: ${"a".repeat(17_000)}`]],
  ];
  return [
    ...bad.map(([name, lines]) => answer(name, response("HTTP/1.1 200 OK", lines, "hello"))),
    answer("chunked in HTTP/1.0", response("HTTP/1.0 200 OK", [CHUNKED], "0\r\n\r\n")),
    answer("both framings to HEAD", response("HTTP/1.1 200 OK", ["Content-Length: 5", CHUNKED]), "HEAD"),
    answer("a bad length to HEAD", response("HTTP/1.1 200 OK", ["Content-Length: x"]), "HEAD"),
    answer("LF as the end", "HTTP/1.1 200 OK\nContent-Length: 0\n\n"),
  ];
}

function noBody(): ResponseCase[] {
  return [
    answer("204 with a length", response("HTTP/1.1 204 No Content", ["Content-Length: 5"], "hello")),
    answer("204 with chunked", response("HTTP/1.1 204 No Content", [CHUNKED], "0\r\n\r\n")),
    answer("100 with a length", response("HTTP/1.1 100 Continue", ["Content-Length: 5"], "hello") + OK),
    answer("103 with chunked", response("HTTP/1.1 103 Early Hints", [CHUNKED], "0\r\n\r\n") + OK),
    answer("103 with close", response("HTTP/1.1 103 Early Hints", ["Connection: close"]) + OK),
    answer("100 in HTTP/1.0", response("HTTP/1.0 100 Continue") + OK),
    answer("101 unasked", response("HTTP/1.1 101 Switching", ["Connection: upgrade", "Upgrade: x"])),
    answer("101 without Upgrade", response("HTTP/1.1 101 Switching", ["Connection: upgrade"]), "GET", "x"),
    answer("101 without Connection", response("HTTP/1.1 101 Switching", ["Upgrade: x"]), "GET", "x"),
    answer(
      "101 with an empty Upgrade",
      response("HTTP/1.1 101 S", ["Connection: upgrade", "Upgrade:"]),
      "GET",
      "x",
    ),
    answer(
      "101 with a length",
      response("HTTP/1.1 101 Switching", ["Connection: upgrade", "Upgrade: x", "Content-Length: 5"]),
      "GET",
      "x",
    ),
    answer(
      "101 with chunked",
      response("HTTP/1.1 101 Switching", ["Connection: upgrade", "Upgrade: x", CHUNKED]),
      "GET",
      "x",
    ),
    answer(
      "101 in HTTP/1.0",
      response("HTTP/1.0 101 Switching", ["Connection: upgrade", "Upgrade: x"]),
      "GET",
      "x",
    ),
    answer("304 with chunked in HTTP/1.0", response("HTTP/1.0 304 Not Modified", [CHUNKED])),
  ];
}

function chunks(): ResponseCase[] {
  const bad: readonly (readonly [string, string])[] = [
    ["no size", "\r\nx"],
    ["a signed size", "+1\r\nx\r\n0\r\n\r\n"],
    ["0x", "0x1\r\nx\r\n0\r\n\r\n"],
    ["a space", "1 \r\nx\r\n0\r\n\r\n"],
    ["an overflow", "fffffffffffffff\r\nx"],
    ["a bare LF", "1\nx\r\n0\r\n\r\n"],
    ["no CRLF behind the data", "1\r\nx0\r\n\r\n"],
    ["a bad trailer", "0\r\nX A: 1\r\n\r\n"],
    ["a framing trailer", "0\r\nContent-Length: 1\r\n\r\n"],
    ["a response where the trailers stand", "0\r\nHTTP/1.1 200 OK\r\n\r\n"],
    ["an oversized trailer", `0\r\nX: ${"x".repeat(9000)}\r\n\r\n`],
  ];
  return bad.map(([name, body]) => answer(`chunked: ${name}`, response("HTTP/1.1 200 OK", [CHUNKED], body)));
}

function cutShort(): ResponseCase[] {
  return [
    answer("a body shorter than its length", response("HTTP/1.1 200 OK", ["Content-Length: 5"], "hell")),
    answer("a chunk cut short", response("HTTP/1.1 200 OK", [CHUNKED], "5\r\nhel")),
    answer("no last chunk", response("HTTP/1.1 200 OK", [CHUNKED], "5\r\nhello\r\n")),
    answer("no end behind the last chunk", response("HTTP/1.1 200 OK", [CHUNKED], "0\r\n")),
  ];
}

function smuggled(): ResponseCase[] {
  const second = response("HTTP/1.1 200 OK", ["X-Smuggled: 1", EMPTY]);
  return [
    answer(
      "a second response behind a length",
      response("HTTP/1.1 200 OK", ["Content-Length: 2"], "ok") + second,
    ),
    answer("a second response behind no body", OK + second),
    answer("a second response behind chunks", response("HTTP/1.1 200 OK", [CHUNKED], "0\r\n\r\n") + second),
    answer("a second response behind 204", response("HTTP/1.1 204 No Content") + second),
    answer("a second response behind 304", response("HTTP/1.1 304 Not Modified") + second),
    answer(
      "a second response behind HEAD",
      response("HTTP/1.1 200 OK", ["Content-Length: 5"]) + second,
      "HEAD",
    ),
    answer("a body behind HEAD", response("HTTP/1.1 200 OK", ["Content-Length: 5"], "hello"), "HEAD"),
    answer("a body behind 304", response("HTTP/1.1 304 Not Modified", ["Content-Length: 5"], "hello")),
    answer("a body behind 204", response("HTTP/1.1 204 No Content", [], "hello")),
    answer("an empty line behind the body", `${OK}\r\n`),
    answer("one byte too many", `${OK}x`),
  ];
}

/** Every invalid response, in a fixed order. */
export function invalidResponses(): InvalidResponseCase[] {
  return [...statusLines(), ...framing(), ...noBody(), ...chunks(), ...cutShort(), ...smuggled()].map(
    (one) => ({
      ...one,
      error: "malformed_response",
    }),
  );
}
