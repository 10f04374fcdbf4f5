/** "Bad input to survive": clients of :8061. A function counts the calls that reach it. */
import { setInterval as every } from "node:timers/promises";
import { waitFor } from "@hanzo-fn/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { callFunction } from "./support/deploys.ts";
import { deployFunction, NEIGHBOUR } from "./support/functions.ts";
import { withNeighbour } from "./support/neighbour.ts";
import { startPlatform, type TestPlatform } from "./support/platform.ts";
import { answersOf, type RawAnswer, type RawClient, rawClient } from "./support/raw-client.ts";

let platform: TestPlatform;
beforeAll(async () => {
  platform = await startPlatform({
    config: "limits:\n  head_timeout: 2s\n  body_idle_timeout: 2s\n  keep_alive_timeout: 4s\n",
  });
  await deployFunction(platform, NEIGHBOUR);
  await deployFunction(platform, {
    name: "counter",
    runtime: "typescript",
    manifest: "scaling:\n  max_instances: 1\n",
    triggers:
      "triggers:\n  - type: http\n    path: /v1/functions/counter\n    methods: [GET, POST]\n" +
      "  - type: http\n    path: /counted\n    methods: [GET, POST]\n    auth: none\n",
    code:
      "const count = { calls: 0 };\n" +
      "export const handle = async (ctx) => {\n" +
      "  if (ctx.data?.read) return count;\n  count.calls++;\n  return count;\n};\n",
  });
});
afterAll(() => platform[Symbol.asyncDispose]());

async function calls(): Promise<number> {
  const answer = await callFunction(platform, "counter", { read: true });
  expect([answer.status, answer.text]).toEqual([200, expect.stringContaining("calls")]);
  return (JSON.parse(answer.text) as { calls: number }).calls;
}

/** The next good request, on a connection of its own, reaches the function exactly once. */
async function nextGoodRequest(): Promise<void> {
  const before = await calls();
  const answer = await fetch(`${platform.invoke}/counted`, { method: "POST", body: "{}" });
  expect([answer.status, await answer.json()]).toEqual([200, { calls: before + 1 }]);
}

function errorIn(body: string): string {
  try {
    return (JSON.parse(body) as { error: string }).error;
  } catch {
    return body.slice(0, 100);
  }
}

function refusal(answers: readonly RawAnswer[], status: number, error: string): void {
  expect(answers.map((answer) => answer.status)).toEqual([status]);
  const [answer] = answers as [RawAnswer];
  expect(JSON.parse(answer.body)).toMatchObject({
    status: "error",
    code: status,
    error,
    component: "invoke-proxy",
  });
  expect(answer.head).toContain("X-Request-ID: ");
  expect(answer.head).toMatch(/^connection: close$/im);
}

/** Sends a byte a second until the platform closes the connection; gives what it said. */
async function drip(client: RawClient, bytes: string): Promise<RawAnswer[]> {
  let at = 0;
  for await (const _ of every(1000)) {
    if (client.socket.destroyed || client.socket.readableEnded || at === 30) break;
    client.socket.write(bytes[at++ % bytes.length] as string);
  }
  await client.closed();
  return answersOf(client.text());
}

test("a client that sends one byte a second, in its head or in its body: 408 request_timeout", async () => {
  await withNeighbour(platform, async () => {
    using slowHead = await rawClient(platform);
    using slowBody = await rawClient(platform);
    slowBody.socket.write("POST /counted HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n");
    const before = await calls();
    const [head, body] = await Promise.all([
      drip(slowHead, "GET /counted HTTP/1.1\r\nHost: h\r\n\r\n"),
      drip(slowBody, "x"),
    ]);
    refusal(head, 408, "request_timeout");
    expect(head[0]?.head).toContain("X-Function-Not-Delivered: request_timeout");
    refusal(body, 408, "request_timeout");
    expect(await calls()).toBe(before);
    await nextGoodRequest();
  });
});

test("two hundred clients that send one byte and no more are each answered 408, and hold nobody up", async () => {
  await withNeighbour(platform, async () => {
    const clients = await Promise.all(Array.from({ length: 200 }, () => rawClient(platform)));
    for (const client of clients) client.socket.write("G");
    await Promise.all(clients.map((client) => client.closed()));
    for (const client of clients) refusal(answersOf(client.text()), 408, "request_timeout");
    await nextGoodRequest();
  });
});

test("a client that disconnects mid-body: the function is not called, and nothing is left running", async () => {
  await withNeighbour(platform, async () => {
    const before = await calls();
    const heads = ["Content-Length: 1000000\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n5\r\nabc"];
    for (const head of heads) {
      for (const leave of ["destroy", "end", "resetAndDestroy"] as const) {
        using client = await rawClient(platform);
        client.socket.write(`POST /counted HTTP/1.1\r\nHost: h\r\n${head}`);
        await new Promise((resolve) => setImmediate(resolve));
        client.socket[leave]();
        await client.closed();
      }
    }
    expect(await calls()).toBe(before);
    const running = async (): Promise<string | undefined> =>
      (await (await fetch(`${platform.metrics}/metrics`)).text())
        .split("\n")
        .find((line) => line.includes("_concurrent_executions{") && line.includes('"counter"'));
    await waitFor("no running call", async () => ((await running()) ?? " 0").endsWith(" 0"));
    await nextGoodRequest();
  });
});

const HIDDEN = "POST /counted HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n";
const post = (fields: string, rest = HIDDEN): string =>
  `POST /counted HTTP/1.1\r\nHost: h\r\n${fields}\r\n\r\n${rest}`;
const ended = `0\r\n\r\n${HIDDEN}`;

const SMUGGLING: readonly (readonly [what: string, bytes: string, said?: string])[] = [
  ["Content-Length before Transfer-Encoding", post("Content-Length: 4\r\nTransfer-Encoding: chunked", ended)],
  ["Transfer-Encoding before Content-Length", post("Transfer-Encoding: chunked\r\nContent-Length: 4", ended)],
  ["two different lengths", post("Content-Length: 0\r\nContent-Length: 60")],
  ["the same length twice", post("Content-Length: 0\r\nContent-Length: 0")],
  ["a list of lengths", post("Content-Length: 0, 0")],
  ["a signed length", post("Content-Length: +0")],
  ["a negative length", post("Content-Length: -1")],
  ["a hexadecimal length", post("Content-Length: 0x0")],
  ["a length with an underscore", post("Content-Length: 1_0")],
  ["a length beyond 64 bits", post("Content-Length: 18446744073709551616")],
  ["a space before the colon", post("Transfer-Encoding : chunked", ended)],
  ["a tab before the colon", post("Content-Length\t: 0")],
  ["two Transfer-Encodings", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", ended)],
  ["chunked twice", post("Transfer-Encoding: chunked, chunked", ended)],
  ["chunked not last", post("Transfer-Encoding: chunked, gzip", ended)],
  ["an unknown coding", post("Transfer-Encoding: xchunked", ended), "501 not_implemented"],
  ["a quoted coding", post('Transfer-Encoding: "chunked"', ended)],
  ["a coding after a vertical tab", post("Transfer-Encoding: \x0bchunked", ended)],
  ["a coding with a parameter", post("Transfer-Encoding: chunked;q=1", ended)],
  ["a folded Transfer-Encoding", post("Transfer-Encoding:\r\n chunked", ended)],
  ["a folded line", post("X: a\r\n Content-Length: 0")],
  ["a first line that begins with a space", "POST /counted HTTP/1.1\r\n Host: h\r\n\r\n"],
  ["bare LF between the fields", `POST /counted HTTP/1.1\nHost: h\nContent-Length: 0\n\n${HIDDEN}`],
  ["bare LF before Transfer-Encoding", post("X: a\nTransfer-Encoding: chunked", ended)],
  ["bare CR before Transfer-Encoding", post("X: a\rTransfer-Encoding: chunked", ended)],
  ["a zero byte in a value", post("X: a\0\r\nContent-Length: 0")],
  ["a zero byte in a name", post("Content-Length\0: 0")],
  ["a field without a name", post(": chunked")],
  ["a field without a colon", post("Transfer-Encoding")],
  ["two hosts", post("Host: i\r\nContent-Length: 0")],
  ["HTTP/1.0 with Transfer-Encoding", post("Transfer-Encoding: chunked", ended).replace("/1.1", "/1.0")],
  ["a chunk size with a sign", post("Transfer-Encoding: chunked", `+0\r\n\r\n${HIDDEN}`)],
  ["a chunk size in 0x", post("Transfer-Encoding: chunked", `0x0\r\n\r\n${HIDDEN}`)],
  ["a chunk size beyond 64 bits", post("Transfer-Encoding: chunked", `10000000000000000\r\n${HIDDEN}`)],
  ["a chunk size ended by LF", post("Transfer-Encoding: chunked", `0\n\r\n${HIDDEN}`)],
  ["a chunk longer than its size", post("Transfer-Encoding: chunked", `1\r\nabc\r\n${ended}`)],
  ["a chunk extension with LF", post("Transfer-Encoding: chunked", `1;a\nb\r\nx\r\n${ended}`)],
  ["a trailer without a colon", post("Transfer-Encoding: chunked", `0\r\n${HIDDEN}`)],
  ["a space in the target", `GET /counted /x HTTP/1.1\r\nHost: h\r\n\r\n${HIDDEN}`],
  ["a line break hidden in the target", `GET /counted\rX: y HTTP/1.1\r\nHost: h\r\n\r\n${HIDDEN}`],
];

test("smuggling payloads: each is 400 malformed_http, the connection closes, and what is hidden reaches nobody", async () => {
  await withNeighbour(platform, async () => {
    const before = await calls();
    const seen = await Promise.all(
      SMUGGLING.map(async ([what, bytes]) => {
        using client = await rawClient(platform);
        client.socket.write(Buffer.from(bytes, "latin1"));
        await client.closed();
        const answers = answersOf(client.text());
        return { what, said: answers.map(({ status, body }) => `${status} ${errorIn(body)}`), answers };
      }),
    );
    const wanted = SMUGGLING.map(([what, , said = "400 malformed_http"]) => ({ what, said: [said] }));
    expect(seen.map(({ what, said }) => ({ what, said }))).toEqual(wanted);
    for (const { answers } of seen)
      refusal(answers, answers[0]?.status ?? 0, errorIn(answers[0]?.body ?? ""));
    expect(await calls()).toBe(before);
    await nextGoodRequest();
  });
});
