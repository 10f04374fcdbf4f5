import { type Case, request } from "./cases.ts";

const HOST = "Host: example.com";
const CHUNKED = [HOST, "Transfer-Encoding: chunked"];

const METHODS =
  "GET POST PUT DELETE HEAD OPTIONS PATCH TRACE ACL BIND CHECKOUT COPY LINK LOCK M-SEARCH MERGE MKACTIVITY MKCALENDAR MKCOL MOVE NOTIFY PROPFIND PROPPATCH PURGE QUERY REBIND REPORT SEARCH SOURCE SUBSCRIBE UNBIND UNLINK UNLOCK UNSUBSCRIBE".split(
    " ",
  );

function methods(): Case[] {
  return METHODS.map((method) => ({ name: `method ${method}`, bytes: request(`${method} /m HTTP/1.1`) }));
}

const TARGETS: readonly string[] = [
  "/",
  "//",
  "///a//b",
  "/a",
  "/a/",
  "/v1/functions/embed/invoke",
  "/a.b-c_d~e",
  "/!$&'()*+,;=:@",
  "/%41%2F%2e%2E",
  "/100%",
  "/%zz",
  "/.",
  "/..",
  "/a/../b/./c",
  "/[1]",
  "/{id}",
  "/a|b",
  "/a^b",
  "/`x`",
  "/;p=1",
  "/a;b;c/d",
  "/?",
  "/??",
  "/?a",
  "/?a=1&b=2",
  "/?q=a+b%20c",
  "/?url=http://other.example/x?y=z",
  "/?[]=1&{}=2",
  "/?a\\b",
  "/?a|b^c`d'e",
  "/?/../..",
  "/p?=",
  "/p?&&&",
  "/http://inside",
  "/:80",
  "/@user",
  "/*",
  `/${"a".repeat(200)}`,
  `/?${"k=v&".repeat(60)}`,
  "/%00",
  "/%0d%0a",
  "/~user/",
  "/index.html",
];

const ABSOLUTE: readonly (readonly [string, string])[] = [
  ["http://example.com/", "example.com"],
  ["http://example.com", "example.com"],
  ["http://example.com?x=1", "example.com"],
  ["http://example.com/a/b?c=d", "example.com"],
  ["http://EXAMPLE.com/", "example.COM"],
  ["http://example.com:80/", "example.com"],
  ["http://example.com/", "example.com:80"],
  ["https://example.com:443/", "example.com"],
  ["https://example.com/", "example.com:443"],
  ["http://example.com:8061/x", "example.com:8061"],
  ["HTTP://example.com/", "example.com"],
  ["http://127.0.0.1:8061/", "127.0.0.1:8061"],
  ["http://[::1]/", "[::1]"],
  ["http://[::1]:8061/a", "[::1]:8061"],
];

function targets(): Case[] {
  const plain = TARGETS.map((target) => ({
    name: `target ${target.slice(0, 40)}`,
    bytes: request(`GET ${target} HTTP/1.1`),
  }));
  const absolute = ABSOLUTE.map(([target, host]) => ({
    name: `absolute target ${target} with Host ${host}`,
    bytes: request(`GET ${target} HTTP/1.1`, [`Host: ${host}`]),
  }));
  return [
    ...plain,
    ...absolute,
    { name: "target * of OPTIONS", bytes: request("OPTIONS * HTTP/1.1") },
    { name: "absolute target in HTTP/1.0 without Host", bytes: "GET http://example.com/x HTTP/1.0\r\n\r\n" },
  ];
}

const HOSTS: readonly string[] = [
  "a",
  "localhost",
  "localhost:8061",
  "example.com:80",
  "example.com:",
  "EXAMPLE.COM",
  "a-b_c~d.e",
  "127.0.0.1",
  "127.0.0.1:65535",
  "[::1]",
  "[::1]:1",
  "[2001:db8::ff00:42:8329]:443",
  "[::ffff:10.0.0.1]",
  "xn--bcher-kva.example",
  "example.com.",
  "example.com:0",
  "example.com:00080",
];

function hosts(): Case[] {
  return HOSTS.map((host) => ({ name: `host ${host}`, bytes: request("GET / HTTP/1.1", [`Host: ${host}`]) }));
}

const FIELDS: readonly (readonly [string, readonly string[]])[] = [
  ["no space behind the colon", ["X-A:1"]],
  ["an empty value", ["X-A:"]],
  ["a value of spaces", ["X-A:    "]],
  ["a value of tabs", ["X-A:\t\t"]],
  ["whitespace around the value", ["X-A:  \t v \t "]],
  ["whitespace inside the value", ["X-A: a  b\tc"]],
  ["a colon in the value", ["X-A: a:b::c"]],
  ["a leading colon in the value", ["X-A: :a"]],
  ["quotes and commas", ['X-A: "a, b", c="d;e"']],
  ["obs-text", ["X-A: caf\xe9 \x80\xff"]],
  ["UTF-8 bytes", ["X-A: \xe2\x82\xac"]],
  [
    "every visible character",
    [`X-A: ${String.fromCharCode(...Array.from({ length: 94 }, (_, i) => 33 + i))}`],
  ],
  ["every token character in a name", ["!#$%&'*+-.^_`|~09azAZ: v"]],
  ["a one-letter name", ["a: b"]],
  ["a numeric name", ["123: 456"]],
  ["a name of punctuation", ["~: ~"]],
  ["a long name", [`${"X".repeat(100)}: v`]],
  ["a long value", [`X-A: ${"v".repeat(1000)}`]],
  ["a repeated field", ["X-A: 1", "X-A: 2", "x-a: 3"]],
  ["an underscore", ["x_request_id: 1"]],
  ["mixed case", ["cOnTeNt-TyPe: text/plain"]],
  ["upper case", ["ACCEPT: */*"]],
  ["lower case", ["accept: */*"]],
  ["a cookie", ["Cookie: a=b; c=d", "Cookie: e=f"]],
  ["authorization", ["Authorization: Bearer abc.def-ghi_jkl"]],
  [
    "trace context",
    ["traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate: a=b,c=d"],
  ],
  [
    "forwarding fields",
    ["X-Forwarded-For: 10.0.0.1, 10.0.0.2", "X-Forwarded-Proto: https", "Forwarded: for=x"],
  ],
  ["conditional fields", ['If-None-Match: W/"x", "y"', "If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT"]],
  ["a range", ["Range: bytes=0-1,-5"]],
  ["TE and Trailer", ["TE: trailers", "Trailer: X-Sum"]],
  ["a name that begins like Content-Length", ["Content-Length-X: 7"]],
  ["a name that ends like Transfer-Encoding", ["X-Transfer-Encoding: chunked"]],
  ["a browser's fields", ["Sec-Fetch-Mode: cors", 'Sec-CH-UA: "x";v="1"', "DNT: 1", "Priority: u=1, i"]],
  ["platform fields", ["X-Request-ID: req_1", "X-Function-Revision: embed-00001"]],
  ["a method override", ["X-HTTP-Method-Override: DELETE"]],
];

function fields(): Case[] {
  const many = Array.from({ length: 60 }, (_, index) => `X-Field-${index}: ${index}`);
  return [
    ...FIELDS.map(([name, lines]) => ({
      name: `field: ${name}`,
      bytes: request("GET /f HTTP/1.1", [HOST, ...lines]),
    })),
    {
      name: "Host is not the first field",
      bytes: request("GET / HTTP/1.1", ["X-A: 1", "hOsT: example.com"]),
    },
    { name: "sixty fields", bytes: request("GET / HTTP/1.1", [HOST, ...many]) },
    { name: "thirty-two fields", bytes: request("GET / HTTP/1.1", [HOST, ...many.slice(0, 31)]) },
    { name: "thirty-three fields", bytes: request("GET / HTTP/1.1", [HOST, ...many.slice(0, 32)]) },
    { name: "an empty line before the request", bytes: `\r\n${request("GET / HTTP/1.1")}` },
  ];
}

const CONNECTIONS: readonly (readonly string[])[] = [
  ["Connection: close"],
  ["Connection: Close"],
  ["Connection: keep-alive"],
  ["Connection: Keep-Alive"],
  ["connection: KEEP-ALIVE"],
  ["Connection: X-A", "X-A: 1"],
  ["Connection: X-A, X-B", "X-A: 1", "X-B: 2"],
  ["Connection: keep-alive, X-A"],
  ["Connection: X-A,close"],
  ["Connection: close, X-A"],
  ["Connection: X-A", "Connection: X-B"],
  ["Connection: X-A", "Connection: close"],
  ["Connection: keep-alive", "Connection: X-A"],
  ["Connection: TE", "TE: trailers"],
  ["Connection: closed"],
  ["Connection: closer"],
  ["Connection: x-close"],
  ["Connection: keep-alives"],
  ["Connection: clos"],
  ["Keep-Alive: timeout=5, max=10", "Connection: keep-alive"],
  ["Proxy-Connection: keep-alive"],
  ["Proxy-Connection: close"],
];

function connections(): Case[] {
  return CONNECTIONS.flatMap((lines) => [
    { name: `1.1 with ${lines.join(" and ")}`, bytes: request("GET /c HTTP/1.1", [HOST, ...lines]) },
    { name: `1.0 with ${lines.join(" and ")}`, bytes: request("GET /c HTTP/1.0", [HOST, ...lines]) },
  ]);
}

function versions(): Case[] {
  return [
    { name: "1.0 without any field", bytes: "GET / HTTP/1.0\r\n\r\n" },
    { name: "1.0 with Host", bytes: request("GET / HTTP/1.0") },
    { name: "1.0 with a body", bytes: request("POST / HTTP/1.0", ["Content-Length: 3"], "abc") },
    {
      name: "1.0 kept alive with a body",
      bytes: request("POST / HTTP/1.0", ["Content-Length: 3", "Connection: keep-alive"], "abc"),
    },
    {
      name: "1.0 with Expect, which is ignored",
      bytes: request("POST / HTTP/1.0", ["Expect: 100-continue"]),
    },
    {
      name: "1.0 with Upgrade, which is ignored",
      bytes: request("GET / HTTP/1.0", ["Connection: upgrade", "Upgrade: websocket"]),
    },
  ];
}

const LENGTHS: readonly (readonly [string, string])[] = [
  ["0", ""],
  ["00", ""],
  ["1", "x"],
  ["01", "x"],
  ["0000000000000005", "hello"],
  ["5", "hello"],
  ["5", "\r\n\r\n\r"],
  ["4", "\0\x01\x7f\xff"],
  ["30", "GET /inside HTTP/1.1\r\n\r\nabcdef"],
  ["5", "0\r\n\r\n"],
  ["1000", "z".repeat(1000)],
];

function lengths(): Case[] {
  const sized = LENGTHS.map(([length, body], index) => ({
    name: `length ${length} (${index})`,
    bytes: request("POST /l HTTP/1.1", [HOST, `Content-Length: ${length}`], body),
  }));
  return [
    ...sized,
    { name: "no space before a length", bytes: request("POST / HTTP/1.1", [HOST, "Content-Length:2"], "ab") },
    {
      name: "tabs around a length",
      bytes: request("POST / HTTP/1.1", [HOST, "Content-Length:\t2\t "], "ab"),
    },
    { name: "length in lower case", bytes: request("PUT / HTTP/1.1", [HOST, "content-length: 2"], "ab") },
    { name: "GET with a body", bytes: request("GET / HTTP/1.1", [HOST, "Content-Length: 2"], "ab") },
    { name: "HEAD with a body", bytes: request("HEAD / HTTP/1.1", [HOST, "Content-Length: 2"], "ab") },
    { name: "DELETE with a body", bytes: request("DELETE / HTTP/1.1", [HOST, "Content-Length: 2"], "ab") },
    { name: "POST without a length", bytes: request("POST / HTTP/1.1") },
    {
      name: "a body and close",
      bytes: request("POST / HTTP/1.1", [HOST, "Connection: close", "Content-Length: 2"], "ab"),
    },
    {
      name: "Expect: 100-continue",
      bytes: request("POST / HTTP/1.1", [HOST, "Expect: 100-continue", "Content-Length: 2"], "ab"),
    },
    {
      name: "Expect in other case",
      bytes: request("POST / HTTP/1.1", [HOST, "expect: 100-Continue", "Content-Length: 2"], "ab"),
    },
    { name: "Expect without a body", bytes: request("GET / HTTP/1.1", [HOST, "Expect: 100-continue"]) },
  ];
}

const CHUNKS: readonly (readonly [string, string])[] = [
  ["no data", "0\r\n\r\n"],
  ["one chunk", "5\r\nhello\r\n0\r\n\r\n"],
  ["two chunks", "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"],
  ["single bytes", "1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n"],
  ["upper case hexadecimal", `A\r\n${"x".repeat(10)}\r\n0\r\n\r\n`],
  ["lower case hexadecimal", `1f\r\n${"x".repeat(31)}\r\n0\r\n\r\n`],
  ["leading zeros", "0005\r\nhello\r\n0\r\n\r\n"],
  ["a long last chunk", "1\r\na\r\n0000\r\n\r\n"],
  ["sixteen digits", "0000000000000001\r\na\r\n0000000000000000\r\n\r\n"],
  ["CRLF as data", "2\r\n\r\n\r\n0\r\n\r\n"],
  ["data that looks like framing", "5\r\n0\r\n\r\n\r\n0\r\n\r\n"],
  ["data that looks like a request", "10\r\nGET / HTTP/1.1\r\n\r\n0\r\n\r\n"],
  ["binary data", "3\r\n\0\xff\x7f\r\n0\r\n\r\n"],
  ["an extension", "1;a\r\nx\r\n0\r\n\r\n"],
  ["an extension with a value", "1;a=b\r\nx\r\n0\r\n\r\n"],
  ["two extensions", "1;a=b;c=d\r\nx\r\n0\r\n\r\n"],
  ["a quoted extension", '1;a="b c;d"\r\nx\r\n0\r\n\r\n'],
  ["an empty quoted extension", '1;a=""\r\nx\r\n0\r\n\r\n'],
  ["a quoted pair in an extension", '1;a="b\\"c"\r\nx\r\n0\r\n\r\n'],
  ["a quoted extension before another", '1;a="b";c\r\nx\r\n0\r\n\r\n'],
  ["an extension of the last chunk", "1\r\nx\r\n0;a=b\r\n\r\n"],
  ["a trailer", "1\r\nx\r\n0\r\nX-Sum: 1\r\n\r\n"],
  ["two trailers", "0\r\nX-A: 1\r\nX-B: 2\r\n\r\n"],
  ["an empty trailer", "0\r\nX-A:\r\n\r\n"],
  ["a trailer with whitespace", "0\r\nX-A: \t a b \t\r\n\r\n"],
  ["a large chunk", `800\r\n${"y".repeat(2048)}\r\n0\r\n\r\n`],
];

function chunked(): Case[] {
  const bodies = CHUNKS.map(([name, body]) => ({
    name: `chunked: ${name}`,
    bytes: request("POST /t HTTP/1.1", CHUNKED, body),
  }));
  return [
    ...bodies,
    {
      name: "chunked in other case",
      bytes: request("POST / HTTP/1.1", [HOST, "transfer-encoding: Chunked"], "1\r\nx\r\n0\r\n\r\n"),
    },
    {
      name: "chunked with whitespace",
      bytes: request("POST / HTTP/1.1", [HOST, "Transfer-Encoding: \t chunked "], "1\r\nx\r\n0\r\n\r\n"),
    },
    { name: "chunked GET", bytes: request("GET / HTTP/1.1", CHUNKED, "1\r\nx\r\n0\r\n\r\n") },
    {
      name: "chunked and close",
      bytes: request("POST / HTTP/1.1", [...CHUNKED, "Connection: close"], "1\r\nx\r\n0\r\n\r\n"),
    },
    {
      name: "chunked with Trailer and TE",
      bytes: request("POST / HTTP/1.1", [...CHUNKED, "Trailer: X-S", "TE: trailers"], "0\r\nX-S: 1\r\n\r\n"),
    },
  ];
}

const UPGRADES: readonly (readonly [string, readonly string[], string])[] = [
  [
    "websocket",
    ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: x", "Sec-WebSocket-Version: 13"],
    "",
  ],
  ["a list of protocols", ["Connection: upgrade", "Upgrade: a/1, b/2"], ""],
  ["beside keep-alive", ["Connection: keep-alive, Upgrade", "Upgrade: websocket"], ""],
  [
    "h2c with settings",
    ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"],
    "",
  ],
  ["Upgrade that Connection does not name", ["Upgrade: websocket"], ""],
  ["Connection that names a missing Upgrade", ["Connection: upgrade"], ""],
  ["with a body", ["Connection: upgrade", "Upgrade: x", "Content-Length: 2"], "ab"],
];

function upgrades(): Case[] {
  return UPGRADES.map(([name, lines, body]) => ({
    name: `upgrade: ${name}`,
    bytes: request("GET /ws HTTP/1.1", [HOST, ...lines], body),
  }));
}

/** Every valid request, in a fixed order. */
export function validRequests(): Case[] {
  return [
    ...methods(),
    ...targets(),
    ...hosts(),
    ...fields(),
    ...connections(),
    ...versions(),
    ...lengths(),
    ...chunked(),
    ...upgrades(),
  ];
}
