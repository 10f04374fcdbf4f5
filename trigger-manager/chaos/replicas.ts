import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { ReplicaMessage, ReplicaOrder } from "./order.ts";

/** One life of a replica. */
export interface Replica {
  readonly by: string;
  signal(name: NodeJS.Signals): void;
  tell(message: ReplicaMessage): void;
  /** `kill -9`; resolves when it is gone. */
  kill(): Promise<void>;
  /** Lets it drain; killed where it does not end, and that is a surprise. */
  leave(withinMs: number): Promise<void>;
}

/** Replicas by slot; a slot has one life at a time. */
export interface Replicas extends AsyncDisposable {
  start(slot: number): Promise<Replica>;
  at(slot: number): Replica | undefined;
  /** Processes that ended although nobody asked them to, or did not when they were asked. */
  readonly surprises: readonly string[];
}

const PROGRAM = fileURLToPath(new URL("replica.ts", import.meta.url));
/** Of a machine that is busy with other things. */
const READY_MS = 300_000;

export function createReplicas(orderOf: (slot: number, by: string) => ReplicaOrder): Replicas {
  const lives = new Map<number, number>();
  const running = new Map<number, Replica>();
  const surprises: string[] = [];

  const replicaOf = (slot: number, by: string, child: ChildProcess): Replica => {
    let isWanted = false;
    let errors = "";
    child.stderr?.on("data", (chunk) => (errors = (errors + String(chunk)).slice(-2000)));
    const gone = once(child, "exit").then(([code, signal]) => {
      if (!isWanted) surprises.push(`replica ${by} ended by itself (${code ?? signal}): ${errors}`);
      if (running.get(slot)?.by === by) running.delete(slot);
    });
    const kill = async (): Promise<void> => {
      isWanted = true;
      child.kill("SIGKILL");
      await gone;
    };
    return {
      by,
      kill,
      signal: (name) => void child.kill(name),
      tell: (message) => void child.send(message),
      async leave(withinMs) {
        isWanted = true;
        child.kill("SIGTERM");
        const late = setTimeout(() => {
          surprises.push(`replica ${by} did not leave within ${withinMs / 1000} s`);
          child.kill("SIGKILL");
        }, withinMs);
        await gone;
        clearTimeout(late);
      },
    };
  };
  return {
    surprises,
    at: (slot) => running.get(slot),
    async start(slot) {
      const life = (lives.get(slot) ?? 0) + 1;
      lives.set(slot, life);
      const by = `${slot}.${life}`;
      const child = fork(PROGRAM, [JSON.stringify(orderOf(slot, by))], {
        stdio: ["ignore", "ignore", "pipe", "ipc"],
      });
      const replica = replicaOf(slot, by, child);
      running.set(slot, replica);
      const signal = AbortSignal.timeout(READY_MS);
      await Promise.race([once(child, "message", { signal }), once(child, "exit", { signal })]);
      return replica;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...running.values()].map((replica) => replica.kill()));
    },
  };
}
