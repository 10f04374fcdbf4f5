import { cp, copyFile, mkdir, readFile, readlink } from "node:fs/promises";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { processTree, pssBytes } from "../processes.ts";
import type { ServeProcess } from "../serve-process.ts";
import { ENTRIES, type Language } from "./functions.ts";

/** What the platform started as an instance, to be started once more without it. */
export interface Launch {
  readonly language: Language;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** The function whose code this process serves: every instance works in its source. */
async function functionOf(pid: number): Promise<string | undefined> {
  const manifest = await readFile(`/proc/${pid}/cwd/function.yaml`, "utf8").catch(() => "");
  return /^name: (.+)$/m.exec(manifest)?.[1];
}

/** Names of functions to the process that serves each; workers of the warm pool serve none. */
export async function instances(platform: ServeProcess): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for (const { pid } of processTree(platform.pid)) {
    const name = await functionOf(pid);
    if (name !== undefined) found.set(name, pid);
  }
  return found;
}

export async function instanceOf(platform: ServeProcess, name: string): Promise<number> {
  const pid = (await instances(platform)).get(name);
  if (pid === undefined) throw new Error(`no process serves ${name}`);
  return pid;
}

/** Waits until the autoscaler has ended every instance. */
export async function untilNoInstances(
  platform: ServeProcess,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const names = [...(await instances(platform)).keys()];
    if (names.length === 0) return;
    if (Date.now() > deadline) throw new Error(`still not scaled to zero: ${names.join(", ")}`);
    await sleep(200, undefined, { signal });
  }
}

/**
 * Copies what an instance runs, so that it can be started after the platform has gone, by the variables of a
 * specialised boot (section 1 of the runtime contract).
 */
export async function takeLaunch(pid: number, language: Language, folder: string): Promise<Launch> {
  await mkdir(folder, { recursive: true });
  const source = join(folder, "source");
  await cp(await readlink(`/proc/${pid}/cwd`), source, { recursive: true });
  const [program = "", ...args] = (await readFile(`/proc/${pid}/cmdline`, "utf8")).split("\0").slice(0, -1);
  const compiled = language === "go" || language === "rust";
  const command = compiled ? [join(folder, basename(program))] : [program, ...args];
  if (compiled) await copyFile(program, command[0] as string);
  return {
    language,
    command,
    environment: {
      HANZO_FN_HOST: "127.0.0.1",
      HANZO_FN_SOURCE: source,
      HANZO_FN_ENTRY: ENTRIES[language],
      HANZO_FN_ORG: "local",
      HANZO_FN_FUNCTION: "measured",
      HANZO_FN_REVISION: "measured-00001",
      HANZO_FN_INSTANCE: "fn-measured-00001-local-000000",
      // More than there are connections: no call waits for its turn.
      HANZO_FN_CONCURRENCY: "100",
    },
  };
}

/** Proportional set size of a process and all below it, in bytes. */
export function treePss(pid: number): number {
  return processTree(pid).reduce((sum, each) => sum + pssBytes(each.pid), 0);
}
