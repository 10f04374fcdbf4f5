import { execFileSync } from "node:child_process";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type DevLine, type DevOptions, manifestOf, startDev, type TestDev } from "./dev.ts";

/** A header with the file that ends a call of `/slow`, and what the function prints once it is in that call. */
export const UNTIL = "x-until";
export const SLOW_HAS_BEGUN = "slow has begun";

/**
 * The same function in the languages that are loaded: answers its version; `/crash` and `/throw` do so, `/slow` says that
 * it has begun and waits for the file that its caller names.
 */
export const DEV_SOURCES = {
  typescript: {
    file: "handler.ts",
    manifest: manifestOf("typescript", "handler.handle"),
    code: (version: string) => `import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Context } from "@hanzo/functions";
export async function handle(ctx: Context): Promise<unknown> {
  if (ctx.path === "/slow") {
    console.log("${SLOW_HAS_BEGUN}");
    while (!existsSync(String(ctx.headers.get("${UNTIL}")))) await sleep(10);
  }
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
        print("${SLOW_HAS_BEGUN}")
        while not os.path.exists(ctx.headers["${UNTIL}"]):
            time.sleep(0.01)
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

type Language = keyof typeof DEV_SOURCES;
export const LOADED = Object.keys(DEV_SOURCES) as Language[];

/** Dev of the first version of the function in a language that is loaded. */
export function startLoaded(
  cache: string,
  language: Language,
  more: Partial<DevOptions> = {},
): Promise<TestDev> {
  const { file, manifest, code } = DEV_SOURCES[language];
  return startDev(cache, {
    ...more,
    files: { "function.yaml": manifest, [file]: code("1"), ...more.files },
  });
}

/** Calls `/slow`: it is in the handler once this resolves, and stays there until it is let go. */
export async function callSlow(
  dev: TestDev,
): Promise<{ readonly answer: ReturnType<TestDev["call"]>; letGo(): Promise<void> }> {
  const from = dev.lines.length;
  const file = join(dev.temp, `go-${from}`);
  const answer = dev.call("/slow", { headers: { [UNTIL]: file } });
  await Promise.race([dev.waitFor(({ msg }) => msg === SLOW_HAS_BEGUN, from), answer]);
  return { answer, letGo: () => writeFile(file, "") };
}

export const versionOf = (text: string): unknown => (JSON.parse(text) as { version: unknown }).version;
export const count = (dev: TestDev, fits: (line: DevLine) => boolean): number =>
  dev.lines.filter(fits).length;

/** What dev itself left; Node keeps its compile cache there too. */
export async function leftIn(temp: string): Promise<string[]> {
  return (await readdir(temp)).filter((name) => name.startsWith("hfn-"));
}

/** Command lines of processes that know of the folder. */
export function processesBelow(temp: string): string[] {
  return execFileSync("ps", ["-eo", "args"], { encoding: "utf8" })
    .split("\n")
    .filter((line) => line.includes(temp));
}
