import { answer, response, type ResponseCase } from "./cases.ts";

const EMPTY = ["Content-Length: 0"];
const OK = response("HTTP/1.1 200 OK", EMPTY);

const STATUSES: readonly number[] = [
  200, 201, 202, 203, 205, 206, 207, 208, 226, 299, 300, 301, 302, 303, 305, 307, 308, 399, 400, 401, 402,
  403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 418, 421, 422, 423, 424, 425,
  426, 428, 429, 431, 451, 499, 500, 501, 502, 503, 504, 505, 507, 508, 510, 511, 599,
];

function statuses(): ResponseCase[] {
  return STATUSES.map((status) =>
    answer(`status ${status}`, response(`HTTP/1.1 ${status} Reason`, ["Content-Length: 2"], "ok")),
  );
}

const REASONS: readonly string[] = [
  "",
  "ok",
  "Not Found",
  "I'm a teapot",
  "a  b",
  " leading",
  "trailing ",
  "tab\there",
  "caf\xe9",
  "200 OK",
  "HTTP/1.1",
  ":",
  "x".repeat(200),
];

function reasons(): ResponseCase[] {
  return REASONS.map((reason, index) => answer(`reason ${index}`, response(`HTTP/1.1 200 ${reason}`, EMPTY)));
}

function noBody(): ResponseCase[] {
  return [
    answer("204", response("HTTP/1.1 204 No Content")),
    answer("204 with a length of 0", response("HTTP/1.1 204 No Content", EMPTY)),
    answer("204 and close", response("HTTP/1.1 204 No Content", ["Connection: close"])),
    answer("304", response("HTTP/1.1 304 Not Modified", ['ETag: "x"'])),
    answer("304 with a length", response("HTTP/1.1 304 Not Modified", ["Content-Length: 5"])),
    answer("304 with a length of 0", response("HTTP/1.1 304 Not Modified", EMPTY)),
    answer("304 to HEAD", response("HTTP/1.1 304 Not Modified", ["Content-Length: 5"]), "HEAD"),
    answer("204 to HEAD", response("HTTP/1.1 204 No Content"), "HEAD"),
    answer("HEAD with a length", response("HTTP/1.1 200 OK", ["Content-Length: 5"]), "HEAD"),
    answer("HEAD with chunked", response("HTTP/1.1 200 OK", ["Transfer-Encoding: chunked"]), "HEAD"),
    answer("HEAD with neither", response("HTTP/1.1 200 OK"), "HEAD"),
    answer("HEAD and close", response("HTTP/1.1 200 OK", ["Connection: close", "Content-Length: 5"]), "HEAD"),
    answer("404 to HEAD", response("HTTP/1.1 404 Not Found", ["Content-Length: 9"]), "HEAD"),
    answer("500 to HEAD", response("HTTP/1.1 500 Oops", ["Content-Length: 9"]), "HEAD"),
    answer("304 in HTTP/1.0", response("HTTP/1.0 304 Not Modified")),
    answer("204 in HTTP/1.0", response("HTTP/1.0 204 No Content")),
  ];
}

function interim(): ResponseCase[] {
  const hints = response("HTTP/1.1 103 Early Hints", ["Link: </a.css>; rel=preload"]);
  const go = response("HTTP/1.1 100 Continue");
  return [
    answer("100 and 200", go + OK),
    answer("100 without a reason", response("HTTP/1.1 100 ") + OK, "POST"),
    answer("102 and 200", response("HTTP/1.1 102 Processing") + OK),
    answer("103 and 200", hints + OK),
    answer("two 103", hints + hints + OK),
    answer("100, 103 and a body", go + hints + response("HTTP/1.1 200 OK", ["Content-Length: 3"], "abc")),
    answer("199 and 200", response("HTTP/1.1 199 Odd", ["X-A: 1"]) + OK),
    answer("100 and 204", go + response("HTTP/1.1 204 No Content")),
    answer(
      "100 and chunked",
      go + response("HTTP/1.1 200 OK", ["Transfer-Encoding: chunked"], "1\r\nx\r\n0\r\n\r\n"),
    ),
    answer("100 and until close", go + response("HTTP/1.1 200 OK", [], "until the end")),
    answer("100 to HEAD", go + response("HTTP/1.1 200 OK", ["Content-Length: 5"]), "HEAD"),
    answer("103 with a length of 0", response("HTTP/1.1 103 Early Hints", EMPTY) + OK),
    answer("103 with keep-alive", response("HTTP/1.1 103 Early Hints", ["Connection: keep-alive"]) + OK),
    answer(
      "100 before 101",
      go + response("HTTP/1.1 101 Switching", ["Connection: upgrade", "Upgrade: x"]),
      "GET",
      "x",
    ),
  ];
}

const SWITCHES: readonly (readonly string[])[] = [
  ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="],
  ["Connection: keep-alive, upgrade", "Upgrade: websocket"],
  ["upgrade: websocket", "connection: upgrade"],
  ["Connection: upgrade", "Upgrade: a/1, b/2"],
  ["Connection: upgrade", "Upgrade: websocket", "Content-Length: 0"],
];

function switches(): ResponseCase[] {
  return SWITCHES.map((lines, index) =>
    answer(`101 (${index})`, response("HTTP/1.1 101 Switching Protocols", lines), "GET", "websocket"),
  );
}

const BODIES: readonly (readonly [string, string])[] = [
  ["no data", "0\r\n\r\n"],
  ["one chunk", "5\r\nhello\r\n0\r\n\r\n"],
  ["three chunks", "1\r\na\r\n2\r\nbc\r\n3\r\ndef\r\n0\r\n\r\n"],
  ["hexadecimal letters", `aB\r\n${"x".repeat(171)}\r\n0\r\n\r\n`],
  ["an event stream", "e\r\ndata: hello\n\n\n\r\n0\r\n\r\n"],
  ["data that looks like a response", "13\r\nHTTP/1.1 200 OK\r\n\r\n\r\n0\r\n\r\n"],
  ["an extension", "1;n=v\r\na\r\n0;l\r\n\r\n"],
  ["a quoted extension", '1;n="v;w"\r\na\r\n0\r\n\r\n'],
  ["a trailer", "1\r\na\r\n0\r\nServer-Timing: x;dur=1\r\n\r\n"],
  ["trailers", "0\r\nA: 1\r\nB:\r\nC: \xe9\r\n\r\n"],
];

function bodies(): ResponseCase[] {
  const lines = ["Transfer-Encoding: chunked"];
  const sized = ["", "a", "\r\n", "HTTP/1.1 200 OK\r\n\r\n", "\0\xff", "b".repeat(3000)];
  const chunked = BODIES.flatMap(([name, body]) => [
    answer(`chunked: ${name}`, response("HTTP/1.1 200 OK", lines, body)),
    answer(`chunked and close: ${name}`, response("HTTP/1.1 200 OK", [...lines, "Connection: close"], body)),
  ]);
  const fixed = sized.flatMap((body, index) => [
    answer(`length (${index})`, response("HTTP/1.1 200 OK", [`Content-Length: ${body.length}`], body)),
    answer(
      `length in HTTP/1.0 (${index})`,
      response("HTTP/1.0 200 OK", [`Content-Length: ${body.length}`], body),
    ),
    answer(
      `length in HTTP/1.0 kept alive (${index})`,
      response("HTTP/1.0 200 OK", ["Connection: keep-alive", `Content-Length: ${body.length}`], body),
    ),
    answer(`until close (${index})`, response("HTTP/1.1 200 OK", ["X-A: 1"], body)),
    answer(`until close in HTTP/1.0 (${index})`, response("HTTP/1.0 200 OK", [], body)),
    answer(`until close, said twice (${index})`, response("HTTP/1.1 200 OK", ["Connection: close"], body)),
  ]);
  return [...chunked, ...fixed];
}

const FIELDS: readonly (readonly string[])[] = [
  ["Content-Type: text/html; charset=utf-8"],
  ["Set-Cookie: a=1; Path=/; HttpOnly", "Set-Cookie: b=2", "set-cookie: c=3"],
  ["Date: Thu, 01 Jan 1970 00:00:00 GMT", "Server: x/1"],
  ["Location: https://other.example/?a=b#c"],
  ["Cache-Control: no-store, max-age=0", "Vary: *", "Age: 0"],
  ['WWW-Authenticate: Basic realm="x"', "Retry-After: 120"],
  ["Access-Control-Allow-Origin: *", "Access-Control-Expose-Headers: X-A"],
  ["X-Empty:"],
  ["X-Space: \t v  w \t"],
  ["X-Latin: \xe9\xff\x80"],
  ["!#$%&'*+-.^_`|~: v"],
  ["Connection: keep-alive", "Keep-Alive: timeout=5"],
  ["Connection: X-A", "X-A: 1"],
  ["Connection: X-A, close", "X-A: 1"],
  ["Host: odd.example"],
  ["Expect: 100-continue"],
  ["Upgrade: h2c"],
  ["Connection: upgrade"],
  ["X-Function-Duration-Ms: 1.5", "X-Function-Instance: fn-a-1"],
  [`X-Long: ${"v".repeat(2000)}`],
  Array.from({ length: 80 }, (_, index) => `X-${index}: ${index}`),
];

function fields(): ResponseCase[] {
  return FIELDS.map((lines, index) =>
    answer(`fields (${index})`, response("HTTP/1.1 200 OK", [...lines, "Content-Length: 2"], "ok")),
  );
}

/** Every valid response, in a fixed order. */
export function validResponses(): ResponseCase[] {
  return [...statuses(), ...reasons(), ...noBody(), ...interim(), ...switches(), ...bodies(), ...fields()];
}
