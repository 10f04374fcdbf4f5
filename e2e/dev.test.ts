import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort, tempDir } from "@hanzo-fn/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { REPOSITORY } from "./support/platform.ts";
import { hasTool } from "./support/tools.ts";
import { devCache, type DevLine, manifestOf, startDev, type TestDev } from "./support/dev.ts";

/** The same function in the languages that are loaded: answers its version; `/slow` waits, `/crash` and `/throw` do so. */
const SOURCES = {
  typescript: {
    file: "handler.ts",
    manifest: manifestOf("typescript", "handler.handle"),
    code: (version: string) => `import { setTimeout as sleep } from "node:timers/promises";
import { Context } from "@hanzo/functions";
export async function handle(ctx: Context): Promise<unknown> {
  if (ctx.path === "/slow") await sleep(1500);
  if (ctx.path === "/crash") process.exit(3);
  if (ctx.path === "/throw") throw new TypeError("thrown on purpose");
  return { version: ${JSON.stringify(version)}, greeting: process.env["GREETING"] ?? null };
}
`,
    broken: "export function handle( {\n",
    failing: 'throw new Error("fails while loading");\n',
  },
  python: {
    file: "handler.py",
    manifest: manifestOf("python", "handler.handle"),
    code: (version: string) => `import os
import time

def handle(ctx):
    if ctx.path == "/slow":
        time.sleep(1.5)
    if ctx.path == "/crash":
        os._exit(3)
    if ctx.path == "/throw":
        raise TypeError("thrown on purpose")
    return {"version": ${JSON.stringify(version)}, "greeting": os.environ.get("GREETING")}
`,
    broken: "def handle(:\n    pass\n",
    failing: 'raise RuntimeError("fails while loading")\n',
  },
} as const;

const BIN = join(REPOSITORY, "node_modules", ".bin");

type Language = keyof typeof SOURCES;
const LANGUAGES = Object.keys(SOURCES) as Language[];

let cache: Awaited<ReturnType<typeof devCache>>;
beforeAll(async () => {
  cache = await devCache();
});
afterAll(() => cache[Symbol.asyncDispose]());

function start(language: Language, more: Partial<Parameters<typeof startDev>[1]> = {}): Promise<TestDev> {
  const { file, manifest, code } = SOURCES[language];
  return startDev(cache.path, {
    ...more,
    files: { "function.yaml": manifest, [file]: code("1"), ...more.files },
  });
}

const versionOf = (text: string): unknown => (JSON.parse(text) as { version: unknown }).version;
const count = (dev: TestDev, fits: (line: DevLine) => boolean): number => dev.lines.filter(fits).length;

/** What dev itself left; Node keeps its compile cache there too. */
async function leftIn(temp: string): Promise<string[]> {
  return (await readdir(temp)).filter((name) => name.startsWith("hfn-"));
}

function processesBelow(temp: string): string[] {
  return execFileSync("ps", ["-eo", "args"], { encoding: "utf8" })
    .split("\n")
    .filter((line) => line.includes(temp));
}

describe.each(LANGUAGES)("dev of a %s function", (language) => {
  const { file, code, broken, failing } = SOURCES[language];

  test("serves every path and method, its triggers' and /invoke, as the platform does", async () => {
    await using dev = await start(language);
    // The first one comes before any code is there.
    for (const [path, method] of [
      ["/v1/functions/tried/invoke", "POST"],
      ["/v1/functions/tried", "POST"],
      ["/any/where?x=1", "PUT"],
      ["/", "GET"],
    ] as const) {
      const answer = await dev.call(path, { method });
      expect([path, answer.status, versionOf(answer.text)]).toEqual([path, 200, "1"]);
      expect(answer.headers.get("x-function-name")).toBe("tried");
    }
    expect((await dev.call("/v1/functions/tried", { method: "DELETE" })).status).toBe(405);
    expect((await dev.call("/v1/functions/other/invoke", { method: "POST" })).status).toBe(404);
    expect((await dev.call("/.hanzo/ping")).status).toBe(404);
  });

  test("the request right after each save is served by the code of that save", async () => {
    await using dev = await start(language);
    expect(versionOf((await dev.call()).text)).toBe("1");
    for (let i = 2; i <= 25; i++) {
      await dev.save(file, code(String(i)));
      const answer = await dev.call();
      expect([answer.status, answer.text]).toEqual([
        200,
        expect.stringMatching(new RegExp(`"version": ?"${i}"`)),
      ]);
    }
  });

  test("a request that runs ends on the old code, one that comes after the save gets the new", async () => {
    await using dev = await start(language);
    await dev.call();
    const before = dev.lines.length;
    const slow = dev.call("/slow");
    // It is in the handler by then.
    await sleep(200);
    await dev.save(file, code("2"));
    expect(versionOf((await dev.call()).text)).toBe("2");
    expect(count(dev, (line) => line.event === "request" && line["path"] === "/slow")).toBe(0);
    const answer = await slow;
    expect([answer.status, versionOf(answer.text)]).toEqual([200, "1"]);
    expect(dev.lines.slice(before).filter(({ event }) => event === "exited")).toEqual([]);
  });

  test("a file saved 50 times a second: it lives, requests are answered in order, and the last save counts", async () => {
    await using dev = await start(language);
    await dev.call();
    const saving = new AbortController();
    let saved = 1;
    const writer = (async () => {
      const end = performance.now() + 3000;
      while (performance.now() < end) {
        await dev.save(file, code(String(++saved)));
        await sleep(20);
      }
      saving.abort();
    })();
    let last = 0;
    while (!saving.signal.aborted) {
      const atLeast = saved - 1;
      const answer = await dev.call();
      expect(answer.status).toBe(200);
      const seen = Number(versionOf(answer.text));
      expect(seen).toBeGreaterThanOrEqual(Math.max(last, atLeast));
      last = seen;
    }
    await writer;
    expect(versionOf((await dev.call()).text)).toBe(String(saved));
    expect(saved).toBeGreaterThan(60);
    // Not every save was built: only what somebody could have asked for.
    expect(count(dev, ({ event }) => event === "ready")).toBeLessThan(saved);
    expect(count(dev, ({ event }) => event === "failed")).toBe(0);
  });

  test("what does not build or load is told once, with its place, and answered; the old code does not go on", async () => {
    await using dev = await start(language);
    await dev.call();
    for (const [text, codes] of [
      [broken, ["build_failed", "load_failed"]],
      [failing, ["load_failed"]],
    ] as const) {
      const from = dev.lines.length;
      await dev.save(file, text);
      for (let i = 0; i < 3; i++) {
        const answer = await dev.call();
        const body = JSON.parse(answer.text) as { error: string; code: number; requestId: string };
        expect([answer.status, codes]).toEqual([422, expect.arrayContaining([body.error])]);
        expect(answer.headers.get("x-function-not-delivered")).toBe(body.error);
      }
      const failures = dev.lines.slice(from).filter(({ event }) => event === "failed");
      expect(failures).toHaveLength(1);
      expect(JSON.stringify(failures[0])).toContain(file);
    }
    await dev.save(file, code("mended"));
    expect(versionOf((await dev.call()).text)).toBe("mended");
  });

  test("an error of the handler is in the log once, and the caller gets the platform's body", async () => {
    await using dev = await start(language);
    const answer = await dev.call("/throw");
    expect([answer.status, JSON.parse(answer.text)]).toEqual([
      500,
      expect.objectContaining({
        error: "handler_error",
        msg: "the handler raised TypeError",
        function: "tried",
      }),
    ]);
    const line = await dev.waitFor(({ event, level }) => event === "log" && level === "error");
    expect(line["msg"]).toContain("thrown on purpose");
    expect(line["msg"]).toContain(`${dev.folder}/${file}`);
    expect(line["request_id"]).toBe(answer.headers.get("x-request-id"));
    expect(versionOf((await dev.call()).text)).toBe("1");
    expect(count(dev, ({ event, level }) => event === "log" && level === "error")).toBe(1);
  });

  test("a process that ends in a call: that call gets 502, the next a new process", async () => {
    await using dev = await start(language);
    const answer = await dev.call("/crash");
    expect([answer.status, JSON.parse(answer.text)]).toEqual([
      502,
      expect.objectContaining({ error: "instance_exited", msg: expect.stringContaining("code 3") as string }),
    ]);
    await dev.waitFor(({ event }) => event === "exited");
    expect(versionOf((await dev.call()).text)).toBe("1");
  });

  test(".env and .secrets.env give variables, a change of them counts, and a missing secret is named", async () => {
    await using dev = await start(language, {
      files: {
        "function.yaml": `${SOURCES[language].manifest}environment:\n  GREETING: from the manifest\n`,
      },
    });
    const greeting = async () => (JSON.parse((await dev.call()).text) as { greeting: unknown }).greeting;
    expect(await greeting()).toBe("from the manifest");
    await dev.save(".env", "GREETING=from .env\n");
    expect(await greeting()).toBe("from .env");
    await dev.save(".env", "");
    await dev.save(
      "function.yaml",
      `${SOURCES[language].manifest}secrets:\n  - name: greeting-secret\n    env: GREETING\n`,
    );
    const answer = await dev.call();
    expect([answer.status, JSON.parse(answer.text)]).toEqual([
      422,
      expect.objectContaining({
        error: "missing_secret",
        msg: "GREETING (secret greeting-secret) has no value on this machine",
      }),
    ]);
    await dev.save(".secrets.env", "GREETING=kept secret\n");
    expect(await greeting()).toBe("kept secret");
  });

  test("after kill -9 of dev nothing is left: no process, no socket", async () => {
    await using dev = await start(language);
    await dev.call();
    const slow = dev.call("/slow").catch(() => undefined);
    expect(await leftIn(dev.temp)).toHaveLength(1);
    expect(processesBelow(dev.temp).length).toBeGreaterThan(0);
    dev.process.kill("SIGKILL");
    expect(await dev.ended).toBe("SIGKILL");
    await slow;
    await expect.poll(() => processesBelow(dev.temp), { timeout: 10_000 }).toEqual([]);
    await expect.poll(() => leftIn(dev.temp), { timeout: 10_000 }).toEqual([]);
  });
});

/** Compiled: the first build makes the SDK as well. */
const COMPILED = {
  go: {
    tool: "go",
    file: "handler.go",
    files: {
      "function.yaml": manifestOf("go", "Handle"),
      "go.mod": "module tried\n\ngo 1.22\n\nrequire github.com/hanzoai/functions/sdk v0.0.0\n",
    },
    code: (version: string) => `package function

import (
	"os"
	"time"

	"github.com/hanzoai/functions/sdk"
)

func Handle(ctx *sdk.Context) *sdk.Response {
	if ctx.Path == "/slow" {
		time.Sleep(9 * time.Second)
	}
	if ctx.Path == "/panic" {
		panic("thrown on purpose")
	}
	return sdk.OK(map[string]any{"version": "${version}", "greeting": os.Getenv("GREETING")})
}
`,
    broken: "package function\n\nfunc Handle() { return undeclared }\n",
    brokenLine: 3,
  },
  rust: {
    tool: "cargo",
    file: "src/handler.rs",
    files: {
      "function.yaml": manifestOf("rust", "handler::handle"),
      "Cargo.toml":
        '[package]\nname = "tried"\nversion = "0.1.0"\nedition = "2021"\n\n[dependencies]\nhanzo_functions = "0.1"\nserde_json = "1"\n',
      "src/lib.rs": "pub mod handler;\n",
    },
    code: (version: string) => `use hanzo_functions::{Context, Response, Result};

pub async fn handle(ctx: Context) -> Result<Response> {
    if ctx.path() == "/slow" {
        std::thread::sleep(std::time::Duration::from_secs(9));
    }
    if ctx.path() == "/panic" {
        panic!("thrown on purpose");
    }
    let greeting = std::env::var("GREETING").unwrap_or_default();
    Ok(Response::ok(serde_json::json!({ "version": "${version}", "greeting": greeting })))
}
`,
    broken:
      "use hanzo_functions::{Context, Response, Result};\n\npub async fn handle(_: Context) -> Result<Response> { undeclared }\n",
    brokenLine: 3,
  },
} as const;

test.for(Object.keys(COMPILED) as (keyof typeof COMPILED)[])(
  "dev of a %s function: saves, requests in flight, what does not compile, a panic, variables",
  { timeout: 420_000 },
  async (language, ctx) => {
    const { tool, file, files, code, broken, brokenLine } = COMPILED[language];
    if (!(await hasTool(tool))) ctx.skip(`${tool} is not installed`);
    await using dev = await startDev(cache.path, { files: { ...files, [file]: code("1") } });
    expect(versionOf((await dev.call()).text)).toBe("1");
    const slow = dev.call("/slow");
    // It is in the handler by then.
    await sleep(300);
    await dev.save(file, code("2"));
    await dev.save(file, code("3"));
    expect(versionOf((await dev.call()).text)).toBe("3");
    expect([(await slow).status, versionOf((await slow).text)]).toEqual([200, "1"]);

    const panicked = await dev.call("/panic");
    expect([panicked.status, JSON.parse(panicked.text)]).toEqual([
      500,
      expect.objectContaining({ error: "handler_error" }),
    ]);
    const line = await dev.waitFor(({ event, level }) => event === "log" && level === "error");
    expect(line["msg"]).toContain("thrown on purpose");
    expect(line["msg"]).toContain(file);

    const from = dev.lines.length;
    await dev.save(file, broken);
    for (let i = 0; i < 2; i++) {
      const answer = await dev.call();
      expect([answer.status, JSON.parse(answer.text)]).toEqual([
        422,
        expect.objectContaining({
          error: "build_failed",
          details: expect.arrayContaining([
            expect.objectContaining({ path: file, line: brokenLine }),
          ]) as unknown,
        }),
      ]);
    }
    expect(dev.lines.slice(from).filter(({ event }) => event === "failed")).toHaveLength(1);
    await dev.save(".env", "GREETING=hello\n");
    await dev.save(file, code("4"));
    expect(JSON.parse((await dev.call()).text)).toEqual({ version: "4", greeting: "hello" });
    dev.press("q");
    expect(await dev.ended).toBe(0);
    expect(await leftIn(dev.temp)).toEqual([]);
  },
);

test("a taken port: who holds it, and another one", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const refused = await start("python", { args: ["--port", String(port)] }).catch(
    (error: Error) => error.message,
  );
  server.close();
  expect(refused).toMatch(new RegExp(`port ${port} is taken by process ${process.pid} \\(.*node.*\\)`));
  expect(refused).toMatch(/next: hanzo-fn dev --port \d+/);
  expect(refused).toMatch(/dev ended with 5/);
});

test("Ctrl-C lets a running call end; a second one does not wait", async () => {
  await using patient = await start("typescript");
  await patient.call();
  const slow = patient.call("/slow");
  await sleep(200);
  patient.process.kill("SIGINT");
  expect((await slow).status).toBe(200);
  expect(await patient.ended).toBe(0);
  expect(await leftIn(patient.temp)).toEqual([]);

  await using hasty = await start("typescript");
  await hasty.call();
  const cut = hasty.call("/slow").then(
    () => "answered",
    () => "cut",
  );
  await sleep(200);
  hasty.process.kill("SIGINT");
  await sleep(50);
  hasty.process.kill("SIGINT");
  expect(await hasty.ended).toBe(130);
  expect(await cut).toBe("cut");
  await expect.poll(() => processesBelow(hasty.temp), { timeout: 10_000 }).toEqual([]);
  await expect.poll(() => leftIn(hasty.temp), { timeout: 10_000 }).toEqual([]);
});

test("keys: r loads anew, ? and d tell, q ends", async () => {
  await using dev = await start("python");
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
  await dev.call();
  const seen: unknown[] = [];
  for (const key of ["e", "o", "o", "o", "o", "o"]) {
    const from = dev.lines.length;
    dev.press(key);
    const line = await dev.waitFor(({ event, msg }) => event === "log" && msg === "called", from);
    seen.push(line["fields"]);
    await dev.waitFor(({ event }) => event === "request", from);
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
  await using dev = await start("typescript", { args: [`--inspect=${port}`] });
  await dev.call();
  const target = async (): Promise<string | undefined> => {
    const answer = await fetch(`http://127.0.0.1:${port}/json/list`).catch(() => undefined);
    const [first] = ((await answer?.json()) ?? []) as { id: string }[];
    return first?.id;
  };
  await expect.poll(target, { timeout: 5000 }).toEqual(expect.any(String));
  const before = await target();
  await dev.save("handler.ts", SOURCES.typescript.code("2"));
  expect(versionOf((await dev.call()).text)).toBe("2");
  await expect.poll(target, { timeout: 5000 }).not.toBe(before);
  await expect.poll(target, { timeout: 5000 }).toEqual(expect.any(String));
});

test("--inspect for Python: debugpy listens where it is installed, and else a sentence says what to install", async () => {
  const port = await freePort();
  await using dev = await start("python", { args: [`--inspect=${port}`] });
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
  await dev.save("handler.py", SOURCES.python.code("2"));
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
  await using dev = await start("typescript");
  await dev.call("/throw");
  const line = await dev.waitFor(({ event, level }) => event === "log" && level === "error");
  const source = await readFile(`${dev.folder}/handler.ts`, "utf8");
  const number = source.split("\n").findIndex((text) => text.includes("thrown on purpose")) + 1;
  expect(line["msg"]).toContain(`${dev.folder}/handler.ts:${number}:`);
});
