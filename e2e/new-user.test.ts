import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { freePort, tempDir } from "@hanzo-fn/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CliResult, REPOSITORY, startPlatform, type TestPlatform } from "./support/platform.ts";
import { hasTool, isLongTier } from "./support/tools.ts";

/** What README.md tells a new user to type, in a folder that has nothing to do with the repository. */
const LANGUAGES = [
  { runtime: "typescript", tool: "node", file: "handler.ts" },
  { runtime: "python", tool: "python3", file: "handler.py" },
  { runtime: "go", tool: "go", file: "handler.go" },
  { runtime: "rust", tool: "cargo", file: "src/handler.rs" },
] as const;

/** What `dev` shows of a template's example: its answer, or a line of its log. A model is not there to be asked. */
const SIGNS: Readonly<Record<string, RegExp | undefined>> = {
  webhook: /\{"received":"order.paid"\}/,
  "llm-stream": /"delta"/,
  model: undefined,
  queue: /order fulfilled \{.*"order":"o-1001"/,
  stream: /views counted \{(?=.*"events":3).*"counts":2/,
  cron: /report written \{.*"orders":\{"eu":0,"us":0\}/,
  inference: /tokens counted \{.*"total":1000/,
};
const OF_EVENTS = new Set(["queue", "stream", "cron", "inference"]);

/** Each template of Go is compiled twice: those that take events are of the longer tier; dev-compiled.test.ts has one of them. */
function templatesOf(runtime: string): readonly string[] {
  return Object.keys(SIGNS).filter((name) => isLongTier() || runtime !== "go" || !OF_EVENTS.has(name));
}

/** Of Go and Rust, test, dev and deploy each compile the SDK and its dependencies once; on a busy machine that takes minutes. */
const LIMIT_MS = 900_000;

let platform: TestPlatform;
let cache: Awaited<ReturnType<typeof tempDir>>;
beforeAll(async () => {
  platform = await startPlatform();
  cache = await tempDir("hfn-new-user-cache-");
});
afterAll(async () => {
  await platform[Symbol.asyncDispose]();
  await cache[Symbol.asyncDispose]();
});

/** As its own shell has it: the machine's tools, and hanzo-fn on the PATH. */
const shell = (): NodeJS.ProcessEnv => ({
  ...process.env,
  PATH: [join(REPOSITORY, "node_modules", ".bin"), process.env["PATH"] ?? ""].join(delimiter),
  XDG_CONFIG_HOME: join(platform.home, ".config"),
  XDG_CACHE_HOME: cache.path,
  // One folder for all of Rust's unit tests: each would compile the SDK for itself.
  CARGO_TARGET_DIR: join(cache.path, "cargo"),
});

async function fn(cwd: string, ...args: string[]): Promise<CliResult> {
  const child = spawn("hanzo-fn", args, { cwd, env: shell(), stdio: ["ignore", "pipe", "pipe"] });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString("utf8")));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString("utf8")));
  const [code] = (await once(child, "close")) as [number];
  return { code, stdout, stderr };
}

async function succeed(cwd: string, ...args: string[]): Promise<CliResult> {
  const result = await fn(cwd, ...args);
  if (result.code === 0) return result;
  throw new Error(`hanzo-fn ${args.join(" ")} exited ${result.code}:\n${result.stdout}${result.stderr}`);
}

/** A command that goes on, with what it prints. */
function follow(
  cwd: string,
  ...args: string[]
): { child: ChildProcess; line(pattern: RegExp): Promise<string>; text(): string } {
  const child = spawn("hanzo-fn", args, { cwd, env: shell(), stdio: "pipe" });
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => {
      lines.push(line);
      for (const look of waiting) look();
    });
  }
  return {
    child,
    text: () => lines.join("\n"),
    line: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = lines.find((line) => pattern.test(line));
          if (found !== undefined) resolve(found);
        };
        waiting.add(look);
        look();
        child.once("exit", () => reject(new Error(`${args[0]} ended:\n${lines.join("\n")}`)));
      }),
  };
}

async function end(child: ChildProcess): Promise<void> {
  // What it wrote last is read by then.
  const closed = once(child, "close");
  if (child.kill("SIGINT")) await closed;
}

// Each Rust project compiles the SDK three times, for its tests, dev and the deploy: minutes, where nothing is warm.
describe.each(LANGUAGES.filter(({ runtime }) => runtime !== "rust" || isLongTier()))(
  "a new user of $runtime",
  ({ runtime, tool, file }) => {
    test("init, test, dev, edit, deploy, invoke, logs --follow", { timeout: LIMIT_MS }, async (ctx) => {
      if (!(await hasTool(tool))) ctx.skip(`${tool} is not installed`);
      await using home = await tempDir("hfn-new-user-");
      const name = `first-${runtime}`;
      await succeed(home.path, "init", "--runtime", runtime, "--name", name);
      const folder = join(home.path, name);

      await succeed(folder, "test");

      const port = await freePort();
      const dev = follow(folder, "dev", "--port", String(port));
      try {
        await dev.line(/serves \[/);
        const call = async (): Promise<string> => (await fetch(`http://localhost:${port}/?name=Ada`)).text();
        expect(await call()).toContain("Hello, Ada!");
        const path = join(folder, file);
        const source = await readFile(path, "utf8");
        expect(source).toContain("world");
        await writeFile(path, source.replaceAll("world", "everybody"));
        expect(await (await fetch(`http://localhost:${port}/`)).text()).toContain("Hello, everybody!");
      } finally {
        await end(dev.child);
      }

      const deployed = await succeed(folder, "deploy");
      expect(deployed.stdout).toBe(`${platform.invoke}/v1/functions/${name}/invoke\n`);
      const answer = await succeed(folder, "invoke", name, "--data", '{"name": "Ada"}');
      expect(answer.stdout).toContain("Hello, Ada!");
      const logs = follow(folder, "logs", name, "--follow");
      try {
        await logs.line(/greeting/);
        await succeed(folder, "invoke", name, "--data", '{"name": "Grace"}');
        expect(await logs.line(/Grace/)).toContain("greeting");
      } finally {
        await end(logs.child);
      }
    });

    test.for(templatesOf(runtime))(
      "the template %s: its tests pass, and dev serves its example",
      { timeout: LIMIT_MS },
      async (template, ctx) => {
        if (!(await hasTool(tool))) ctx.skip(`${tool} is not installed`);
        await using home = await tempDir("hfn-new-user-");
        await succeed(home.path, "init", "tried", "--runtime", runtime, "--template", template);
        const folder = join(home.path, "tried");
        await succeed(folder, "test");
        const sign = SIGNS[template];
        if (sign === undefined) return;
        const dev = follow(folder, "dev", "--port", "0", "--commands");
        try {
          await dev.line(/serves \[/);
          dev.child.stdin?.write("e\n");
          expect(await dev.line(/^← /)).toContain("← 200 ");
        } finally {
          await end(dev.child);
        }
        expect(dev.text()).toMatch(sign);
      },
    );
  },
);

test("a folder that is not empty, and a template that there is not, are told with what there is", async () => {
  await using home = await tempDir("hfn-new-user-");
  await succeed(home.path, "init", "tried", "--runtime", "python");
  const again = await fn(home.path, "init", "tried", "--runtime", "python");
  expect([again.code, again.stderr]).toEqual([
    2,
    expect.stringMatching(/tried is not empty: it holds .*--force/),
  ]);
  await succeed(home.path, "init", "tried", "--runtime", "python", "--force");
  const unknown = await fn(home.path, "init", "other", "--runtime", "go", "--template", "cue");
  expect([unknown.code, unknown.stderr]).toEqual([
    2,
    expect.stringMatching(
      /no template "cue" for go; there are python: http, cron, inference, llm-stream, model, queue, stream, webhook; go: /,
    ),
  ]);
});
