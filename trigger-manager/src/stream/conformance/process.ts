import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { GroupTiming } from "../member.ts";

export interface ProcessOrder {
  readonly store: string;
  readonly address: Readonly<Record<string, string>>;
  readonly timing: GroupTiming;
  readonly triggerId: string;
  readonly group: string;
  readonly topic: string;
  /** How long each call takes. */
  readonly answerMs: number;
}

/** A replica in a process of its own. */
export interface MemberProcess extends AsyncDisposable {
  /** Ids of the events that were called for, in their order. */
  readonly started: readonly string[];
  signal(name: NodeJS.Signals): void;
  /** `kill -9`; resolves when it is gone and all that it said was heard. */
  kill(): Promise<void>;
}

const PROGRAM = fileURLToPath(new URL("fixtures/member.ts", import.meta.url));

export async function startMemberProcess(order: ProcessOrder): Promise<MemberProcess> {
  const child: ChildProcess = spawn(process.execPath, [PROGRAM, JSON.stringify(order)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const started: string[] = [];
  const ready = Promise.withResolvers<void>();
  const heard = Promise.withResolvers<void>();
  child.once("exit", () => ready.reject(new Error("the member ended before it was ready")));
  const lines = createInterface({ input: child.stdout! });
  lines.on("line", (line) => (line === "ready" ? ready.resolve() : started.push(line)));
  lines.once("close", () => heard.resolve());
  const gone = once(child, "exit");
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await Promise.all([gone, heard.promise]);
  };
  await ready.promise;
  return {
    started,
    signal: (name) => void child.kill(name),
    kill,
    [Symbol.asyncDispose]: kill,
  };
}
