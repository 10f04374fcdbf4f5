import type { FunctionLogEntry } from "@hanzo-fn/contract";
import { logEntrySchema } from "@hanzo-fn/contract/api";
import type { Store } from "@hanzo-fn/store";
import { waitFor } from "@hanzo-fn/testkit";
import { expect, it } from "vitest";
import { deploy, request, startApi, testControl, yaml } from "../test-setup.ts";

function line(msg: string, level: FunctionLogEntry["level"] = "info"): FunctionLogEntry {
  return {
    tsMs: Date.UTC(2026, 0, 2),
    level,
    msg,
    org: "acme",
    function: "f",
    revision: "f-00001",
    instance: "fn-f-00001-local-1",
    stream: "stdout",
  };
}

async function logs(wrap?: (store: Store) => Store) {
  const test = await testControl(wrap);
  const server = await startApi(test);
  await deploy(test.control, await request(test, yaml("f", "/f"), "one"));
  return {
    ...test,
    ...server,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await test[Symbol.asyncDispose]();
    },
  };
}

/** Messages of the events as they come; `end` for the last one. */
async function* events(response: Response): AsyncGenerator<string> {
  let text = "";
  for await (const chunk of (response.body as ReadableStream<Uint8Array>).pipeThrough(
    new TextDecoderStream(),
  )) {
    text += chunk;
    for (let end = text.indexOf("\n\n"); end !== -1; end = text.indexOf("\n\n")) {
      const event = text.slice(0, end);
      text = text.slice(end + 2);
      if (event.startsWith("event: end")) yield "end";
      const data = event.startsWith("event: log") ? /^data: (.*)$/m.exec(event)?.[1] : undefined;
      if (data !== undefined) yield logEntrySchema.parse(JSON.parse(data)).msg;
    }
  }
}

async function take(source: AsyncGenerator<string>, count: number): Promise<string[]> {
  const taken: string[] = [];
  while (taken.length < count) {
    const { value, done } = await source.next();
    if (done === true) break;
    taken.push(value);
  }
  return taken;
}

it("shows what is there and ends", async () => {
  await using test = await logs();
  await test.store.appendLogs([line("one"), line("two", "warn"), line("three")]);
  const response = await test.call("/v1/functions/f/logs");
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  expect(await take(events(response), 99)).toEqual(["one", "two", "three", "end"]);
  const ask = async (query: string) => take(events(await test.call(`/v1/functions/f/logs?${query}`)), 99);
  expect(await ask("limit=2")).toEqual(["two", "three", "end"]);
  expect(await ask("level=warn")).toEqual(["two", "end"]);
  expect(await ask("since=1m")).toEqual(["end"]);
  expect(await ask("revision=1&until=2026-01-03T00:00:00Z")).toEqual(["one", "two", "three", "end"]);
});

it("refuses filters that say nothing", async () => {
  await using test = await logs();
  for (const [query, status] of [
    ["since=yesterday", 400],
    ["level=loud", 400],
    ["limit=0", 400],
    ["revision=9", 404],
    ["colour=red", 400],
  ] as const) {
    expect((await test.call(`/v1/functions/f/logs?${query}`)).status, query).toBe(status);
  }
  expect((await test.call("/v1/functions/g/logs")).status).toBe(404);
  const theirs = await test.call("/v1/functions/f/logs", { headers: { authorization: "Bearer other" } });
  expect(theirs.status).toBe(404);
});

it("follows without loss or repetition, also of lines that come while it changes over", async () => {
  let between: (msg: string) => Promise<void> = () => Promise.resolve();
  await using test = await logs((store) => ({
    ...store,
    logLines: {
      ...store.logLines,
      async newestId(org, fn) {
        const id = await store.logLines.newestId(org, fn);
        await between("between the id and the lines");
        return id;
      },
      async query(query) {
        const lines = await store.logLines.query(query);
        if (query.afterId === undefined) await between("between the lines and the follower");
        return lines;
      },
    },
  }));
  between = (msg) => test.store.appendLogs([line(msg)]);
  await test.store.appendLogs([line("before")]);
  const leave = new AbortController();
  const source = events(await test.call("/v1/functions/f/logs?follow=true", { signal: leave.signal }));
  expect(await take(source, 3)).toEqual([
    "before",
    "between the id and the lines",
    "between the lines and the follower",
  ]);
  const more = Array.from({ length: 1200 }, (_, i) => `line ${i}`);
  for (let i = 0; i < more.length; i += 100) {
    await test.store.appendLogs(more.slice(i, i + 100).map((msg) => line(msg)));
  }
  expect(await take(source, more.length)).toEqual(more);
  leave.abort();
});

it("ends the follower when the client goes away", async () => {
  let following = 0;
  await using test = await logs((store) => ({
    ...store,
    async *followLogs(filter, options, signal) {
      following++;
      try {
        yield* store.followLogs(filter, options, signal);
      } finally {
        following--;
      }
    },
  }));
  await test.store.appendLogs([line("one")]);
  const clients = Array.from({ length: 5 }, () => new AbortController());
  for (const { signal } of clients) {
    const source = events(await test.call("/v1/functions/f/logs?follow=true", { signal }));
    expect(await take(source, 1)).toEqual(["one"]);
  }
  await waitFor("the followers", () => following === 5);
  for (const client of clients) client.abort();
  await waitFor("none of them", () => following === 0);
});
