import { execFileSync } from "node:child_process";
import { readdir } from "node:fs/promises";
import { type DevLine, type DevOptions, manifestOf, startDev, type TestDev } from "./dev.ts";

/** The same function in the languages that are loaded: answers its version; `/slow` waits, `/crash` and `/throw` do so. */
export const DEV_SOURCES = {
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
