/** Replicas in processes of their own, for tests that kill them, and the ledger in which their functions note their calls. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

export interface TestReplicas extends AsyncDisposable {
  /** `kill -9`, and another one in its place. */
  replace(index: number): Promise<void>;
  /** Process ids of those that were replaced. */
  readonly killed: ReadonlySet<number>;
}

interface ReplicasOrder {
  /** Writes to its standard output once it has started. */
  readonly program: URL;
  readonly count: number;
  /** @param nth from 1 on, other for each process */
  readonly args: (nth: number) => readonly string[];
}

export async function startReplicas({ program, count, args }: ReplicasOrder): Promise<TestReplicas> {
  const killed = new Set<number>();
  let started = 0;
  const start = async (): Promise<ChildProcess> => {
    const child = spawn(process.execPath, [fileURLToPath(program), ...args(++started)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const ready = Promise.withResolvers<void>();
    child.stdout.once("data", () => ready.resolve());
    child.once("exit", (code) => ready.reject(new Error(`the replica ended with ${code}, and not started`)));
    await ready.promise;
    return child;
  };
  const kill = async (child: ChildProcess): Promise<void> => {
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  };
  const running = await Promise.all(Array.from({ length: count }, start));
  return {
    killed,
    async replace(index) {
      const child = running[index] as ChildProcess;
      killed.add(child.pid as number);
      await kill(child);
      running[index] = await start();
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(running.map(kill));
    },
  };
}

/** What a function noted of one call. */
interface Note {
  /** `begin`, or how it ended. */
  readonly what: string;
  readonly key: string;
  readonly attempt: number;
  readonly pid: number;
}

/** Notes of this process: they are in the file when this returns. */
export function noteIn(ledger: string, call: Pick<Note, "key" | "attempt">, what: string): void {
  appendFileSync(ledger, `${what} ${call.key} ${call.attempt} ${process.pid}\n`);
}

/** In their order; none where nobody has noted anything yet. */
export async function notesIn(ledger: string): Promise<readonly Note[]> {
  const text = await readFile(ledger, "utf8").catch(() => "");
  return [...text.matchAll(/^(\S+) (\S+) (\d+) (\d+)$/gm)].map(
    ([, what = "", key = "", attempt, pid]): Note => ({
      ...{ what, key, attempt: Number(attempt), pid: Number(pid) },
    }),
  );
}

/** The attempts that began, by the key of their call. */
export async function begunIn(ledger: string): Promise<ReadonlyMap<string, readonly Note[]>> {
  const begun = (await notesIn(ledger)).filter(({ what }) => what === "begin");
  return Map.groupBy(begun, ({ key }) => key);
}
