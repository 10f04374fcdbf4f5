import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { tempDir } from "@hanzo-fn/testkit";
import { REPOSITORY } from "./platform.ts";

export const BIN = join(REPOSITORY, "node_modules", ".bin");

/** One line of `hanzo-fn dev -o json`. */
export type DevLine = Readonly<Record<string, unknown>> & { readonly event: string };

export interface TestDev extends AsyncDisposable {
  readonly url: string;
  /** The source. */
  readonly folder: string;
  /** Where its sockets are. */
  readonly temp: string;
  readonly process: ChildProcess;
  readonly lines: readonly DevLine[];
  readonly errors: () => string;
  /** Resolves with the first line, from `from` on, that fits; rejects where dev ends first. */
  waitFor(fits: (line: DevLine) => boolean, from?: number): Promise<DevLine>;
  /** Writes a file of the source. */
  save(path: string, text: string): Promise<void>;
  /** As a key on a terminal. */
  press(key: string): void;
  call(path?: string, init?: RequestInit): Promise<{ status: number; text: string; headers: Headers }>;
  /** Resolves with the exit code, or the signal. */
  readonly ended: Promise<number | NodeJS.Signals>;
}

export interface DevOptions {
  readonly files: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** A source of an earlier dev, to start again on. */
  readonly folder?: string;
}

/** Installed runtime servers and dependencies, shared by the tests of one file. */
export async function devCache(): Promise<{ path: string } & AsyncDisposable> {
  return tempDir("hfn-dev-cache-");
}

/** At once: a save that pauses half way is two, and what is read between them is an empty file. */
function writeFiles(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

/** Starts `hanzo-fn dev` on a source in a folder of its own, outside of the repository. */
export async function startDev(cache: string, options: DevOptions): Promise<TestDev> {
  const home = await tempDir("hfn-dev-home-");
  const folder = options.folder ?? join(home.path, "source");
  await mkdir(folder, { recursive: true });
  writeFiles(folder, options.files);
  const temp = join(home.path, "tmp");
  await mkdir(temp);
  const args = [
    "dev",
    "--port",
    "0",
    "-o",
    "json",
    "--commands",
    "--source",
    folder,
    ...(options.args ?? []),
  ];
  const child = spawn("hanzo-fn", args, {
    cwd: home.path,
    env: {
      PATH: [BIN, process.env["PATH"] ?? ""].join(delimiter),
      HOME: home.path,
      XDG_CACHE_HOME: cache,
      LANG: "C.UTF-8",
      TMPDIR: temp,
      ...options.env,
    },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const ended = once(child, "exit").then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals);
  child.stdin.on("error", () => {});
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString("utf8")));
  const lines: DevLine[] = [];
  const waiting = new Set<() => void>();
  createInterface({ input: child.stdout }).on("line", (text) => {
    if (text.startsWith("{")) lines.push(JSON.parse(text) as DevLine);
    for (const look of waiting) look();
  });
  const waitFor: TestDev["waitFor"] = (fits, from = 0) =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = lines.slice(from).find(fits);
        if (found === undefined) return;
        waiting.delete(look);
        resolve(found);
      };
      waiting.add(look);
      look();
      void ended.then((code) =>
        reject(
          new Error(`dev ended with ${code}:\n${errors}\n${JSON.stringify(lines.slice(-10), undefined, 1)}`),
        ),
      );
    });
  const listening = waitFor(({ event }) => event === "listening").catch(async (error: unknown) => {
    await home[Symbol.asyncDispose]();
    throw error;
  });
  const { url } = (await listening) as unknown as { url: string };
  return {
    url,
    folder,
    temp,
    process: child,
    lines,
    errors: () => errors,
    waitFor,
    ended,
    save: async (path, text) => writeFiles(folder, { [path]: text }),
    press: (key) => void child.stdin.write(`${key}\n`),
    async call(path = "/", init = {}) {
      const answer = await fetch(url + path, init);
      return { status: answer.status, text: await answer.text(), headers: answer.headers };
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
      await ended;
      await home[Symbol.asyncDispose]();
    },
  };
}

/** A `function.yaml` with these lines at its end. */
export function manifestOf(runtime: string, entry: string, more = ""): string {
  return `name: tried\nruntime: ${runtime}\nversion: 0.1.0\nentry: ${entry}\ntriggers:\n  - type: http\n    path: /v1/functions/tried\n    methods: [GET, POST]\n${more}`;
}
