import { spawn } from "node:child_process";
import { mkdir, open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Layout } from "../layout.ts";
import { type Namespaces, daemonEnvironment } from "./namespaces.ts";

export interface Daemon {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>> | undefined;
}

/** Starts processes inside that outlive this one. */
export interface Daemons {
  start(daemon: Daemon): Promise<void>;
  /** Waits until `ask` gives true; throws with the daemon's last lines once it ended or the time is over. */
  ready(daemon: string, ask: () => Promise<boolean>): Promise<void>;
  readonly started: readonly Daemon[];
}

const EVERY_MS = 30;
const READY_WITHIN_MS = 90_000;
const SHOWN_LINES = 12;

export function createDaemons(layout: Layout, namespaces: Namespaces, signal: AbortSignal): Daemons {
  const running = new Map<string, boolean>();
  const started: Daemon[] = [];
  return {
    started,
    async start(daemon) {
      const { name, program, args, env } = daemon;
      started.push(daemon);
      await mkdir(layout.logs, { recursive: true });
      await using log = await open(logOf(layout, name), "a");
      const { program: enter, args: all } = namespaces.inside(program, args);
      const child = spawn(enter, all, {
        env: { ...daemonEnvironment(layout.run, name), ...env },
        stdio: ["ignore", log.fd, log.fd],
        detached: true,
      });
      running.set(name, true);
      child.once("exit", () => running.set(name, false));
      child.once("error", () => running.set(name, false));
      child.unref();
    },
    async ready(daemon, ask) {
      const end = performance.now() + READY_WITHIN_MS;
      while (!(await ask().catch(() => false))) {
        signal.throwIfAborted();
        const why =
          running.get(daemon) === false ? "ended" : performance.now() > end ? "is not ready" : undefined;
        if (why !== undefined) throw new Error(`${daemon} ${why}:\n${await lastLines(layout, daemon)}`);
        await sleep(EVERY_MS);
      }
    },
  };
}

const logOf = (layout: Layout, daemon: string): string => join(layout.logs, `${daemon}.log`);

async function lastLines(layout: Layout, daemon: string): Promise<string> {
  const file = logOf(layout, daemon);
  const text = await readFile(file, "utf8").catch(() => "");
  return [...text.trimEnd().split("\n").slice(-SHOWN_LINES), `all of it: ${file}`].join("\n");
}
