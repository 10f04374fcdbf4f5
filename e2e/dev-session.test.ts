/** A session of `hanzo-fn dev`: its port, keys and events, services of the context, inspectors, and its end. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { delimiter } from "node:path";
import { freePort, tempDir, waitFor } from "@hanzo-fn/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BIN, devCache, manifestOf, startDev, type TestDev } from "./support/dev.ts";
import {
  callSlow,
  DEV_SOURCES,
  leftIn,
  processesBelow,
  startLoaded,
  versionOf,
} from "./support/dev-sources.ts";

let cache: Awaited<ReturnType<typeof devCache>>;
beforeAll(async () => {
  cache = await devCache();
});
afterAll(() => cache[Symbol.asyncDispose]());

/** Whether it takes no more connections, which is where its stop begins. */
function isClosed({ url }: TestDev): Promise<boolean> {
  const socket = connect(Number(new URL(url).port), "localhost");
  return once(socket, "connect")
    .then(
      () => false,
      () => true,
    )
    .finally(() => socket.destroy());
}

test("a taken port: who holds it, and another one", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const refused = await startLoaded(cache.path, "python", { args: ["--port", String(port)] }).catch(
    (error: Error) => error.message,
  );
  server.close();
  expect(refused).toMatch(new RegExp(`port ${port} is taken by process ${process.pid} \\(.*node.*\\)`));
  expect(refused).toMatch(/next: hanzo-fn dev --port \d+/);
  expect(refused).toMatch(/dev ended with 5/);
});

test("Ctrl-C lets a running call end; a second one does not wait", async () => {
  await using patient = await startLoaded(cache.path, "typescript");
  await patient.call();
  const slow = await callSlow(patient);
  patient.process.kill("SIGINT");
  await waitFor("it to stop", () => isClosed(patient));
  await slow.letGo();
  expect((await slow.answer).status).toBe(200);
  expect(await patient.ended).toBe(0);
  expect(await leftIn(patient.temp)).toEqual([]);

  await using hasty = await startLoaded(cache.path, "typescript");
  await hasty.call();
  const cut = (await callSlow(hasty)).answer.then(
    () => "answered",
    () => "cut",
  );
  hasty.process.kill("SIGINT");
  await waitFor("it to stop", () => isClosed(hasty));
  hasty.process.kill("SIGINT");
  expect(await hasty.ended).toBe(130);
  expect(await cut).toBe("cut");
  await expect.poll(() => processesBelow(hasty.temp)).toEqual([]);
  await expect.poll(() => leftIn(hasty.temp)).toEqual([]);
});

test("keys: r loads anew, ? and d tell, q ends", async () => {
  await using dev = await startLoaded(cache.path, "python");
  await dev.call();
  const from = dev.lines.length;
  dev.press("r");
  await dev.waitFor(({ event }) => event === "ready", from);
  dev.press("?");
  dev.press("d");
  await expect.poll(() => dev.errors()).toMatch(/ {2}q {2}quit[^]*instance {4}tried-00002, process \d+/);
  dev.press("q");
  expect(await dev.ended).toBe(0);
});

test("a key sends the example of each declared trigger, as the event plane would", async () => {
  const triggers = `  - {type: mq, source: "mq.batch.*"}
  - {type: mq, source: mq.many, batch_size: 10}
  - {type: stream, topic: llm_usage}
  - {type: cron, schedule: "0 2 * * *", payload: '{"mode": "reindex"}'}
  - {type: inference, models: [zen-7b], min_tokens: 1000}
`;
  await using dev = await startDev(cache.path, {
    files: {
      "function.yaml": manifestOf("python", "handler.handle", triggers),
      "example.json": '{"http": {"data": {"name": "Ada"}}, "mq": {"data": {"id": 7}}}',
      "handler.py":
        "def handle(ctx):\n    t = ctx.trigger\n    ctx.log.info('called', {'type': t.type, 'source': t.source, 'data': ctx.data, 'items': len(ctx.batch) if ctx.batch else 0})\n",
    },
  });
  const called = async (from: number): Promise<unknown> => {
    const line = await dev.waitFor(({ event, msg }) => event === "log" && msg === "called", from);
    await dev.waitFor(({ event }) => event === "request", from);
    return line["fields"];
  };
  await dev.call();
  await called(0);
  const seen: unknown[] = [];
  for (const key of ["e", "o", "o", "o", "o", "o"]) {
    const from = dev.lines.length;
    dev.press(key);
    seen.push(await called(from));
  }
  const usage = expect.objectContaining({ type: "llm.usage.completed" }) as unknown;
  expect(seen).toEqual([
    { type: "http", source: "/v1/functions/tried", data: { name: "Ada" }, items: 0 },
    { type: "mq", source: "mq.batch.example", data: { id: 7 }, items: 0 },
    { type: "mq", source: "mq.many", data: [{ id: 7 }, { id: 7 }], items: 2 },
    { type: "stream", source: "llm_usage", data: [{}, {}], items: 2 },
    { type: "cron", source: "0 2 * * *", data: { mode: "reindex" }, items: 0 },
    {
      type: "inference",
      source: "llm_usage",
      data: expect.anything() as unknown,
      items: expect.any(Number) as number,
    },
  ]);
  const { data } = seen.at(-1) as { data: unknown };
  expect(Array.isArray(data) ? data[0] : data).toEqual(usage);
});

test("ctx.kv outlives dev, ctx.storage is on the disk, ctx.publish shows its message", async () => {
  const files = {
    "function.yaml": manifestOf("python", "handler.handle"),
    "handler.py":
      "def handle(ctx):\n    n = ctx.kv.incr('calls')\n    ctx.storage.put('a/b.txt', b'stored')\n    ctx.publish('mq.notify.support', {'n': n})\n    return {'n': n, 'text': ctx.storage.get('a/b.txt').decode()}\n",
  };
  await using first = await startDev(cache.path, { files });
  expect(JSON.parse((await first.call()).text)).toEqual({ n: 1, text: "stored" });
  const shown = await first.waitFor(({ event }) => event === "published");
  expect(shown["subject"]).toBe("mq.notify.support");
  expect(JSON.parse(shown["message"] as string)).toMatchObject({ data: { n: 1 }, source: "fn/tried" });
  first.press("q");
  await first.ended;
  await using second = await startDev(cache.path, { files, folder: first.folder });
  expect(JSON.parse((await second.call()).text)).toMatchObject({ n: 2 });
});

test("--inspect: Node's inspector listens, and moves to the new code after a save", async () => {
  const port = await freePort();
  await using dev = await startLoaded(cache.path, "typescript", { args: [`--inspect=${port}`] });
  await dev.call();
  const target = async (): Promise<string | undefined> => {
    const answer = await fetch(`http://127.0.0.1:${port}/json/list`).catch(() => undefined);
    const [first] = ((await answer?.json()) ?? []) as { id: string }[];
    return first?.id;
  };
  await expect.poll(target).toEqual(expect.any(String));
  const before = await target();
  await dev.save("handler.ts", DEV_SOURCES.typescript.code("2"));
  expect(versionOf((await dev.call()).text)).toBe("2");
  await expect.poll(target).not.toBe(before);
  await expect.poll(target).toEqual(expect.any(String));
});

test("--inspect for Python: debugpy listens where it is installed, and else a sentence says what to install", async () => {
  const port = await freePort();
  await using dev = await startLoaded(cache.path, "python", { args: [`--inspect=${port}`] });
  const answer = await dev.call();
  if (answer.status === 422) {
    expect(JSON.parse(answer.text)).toMatchObject({
      error: "unsupported",
      msg: expect.stringMatching(/^debugpy is not installed for /) as string,
      next: expect.stringMatching(/ -m pip install debugpy$/) as string,
    });
    return;
  }
  expect(versionOf(answer.text)).toBe("1");
  await dev.save("handler.py", DEV_SOURCES.python.code("2"));
  expect(versionOf((await dev.call()).text)).toBe("2");
  const socket = connect({ host: "127.0.0.1", port });
  // The adapter greets whoever attaches.
  const [greeting] = (await once(socket, "data")) as [Buffer];
  socket.destroy();
  expect(greeting.toString("utf8")).toContain("Content-Length:");
});

test("a folder without a function is wrong usage, with what makes one", async () => {
  await using home = await tempDir("hfn-dev-empty-");
  const child = spawn("hanzo-fn", ["dev", "--source", home.path], {
    env: { ...process.env, PATH: [BIN, process.env["PATH"] ?? ""].join(delimiter) },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString("utf8")));
  expect(await once(child, "close")).toEqual([2, null]);
  expect(errors).toMatch(/there is no function\.yaml in .*; hanzo-fn init makes a function/);
});

test("a stack names the author's own files and lines, not those of what was built", async () => {
  await using dev = await startLoaded(cache.path, "typescript");
  await dev.call("/throw");
  const line = await dev.waitFor(({ event, level }) => event === "log" && level === "error");
  const source = await readFile(`${dev.folder}/handler.ts`, "utf8");
  const number = source.split("\n").findIndex((text) => text.includes("thrown on purpose")) + 1;
  expect(line["msg"]).toContain(`${dev.folder}/handler.ts:${number}:`);
});
