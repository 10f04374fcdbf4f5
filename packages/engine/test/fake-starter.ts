import type { ExitInfo } from "@hanzo-fn/instance";
import type { LiveProcess } from "../src/local/live-instance.ts";
import type { StartedInstance, Starter } from "../src/local/starter.ts";

interface FakeProcess extends LiveProcess {
  readonly name: string;
  /** What the platform asked of it, in order. */
  readonly asked: string[];
  /** Whether it answers pings. */
  responsive: boolean;
  /** Whether its socket takes connections. */
  listening: boolean;
  exit(info?: Partial<ExitInfo>): void;
}

interface FakeStart {
  readonly name: string;
  up(times?: { bootMs?: number; loadMs?: number }): FakeProcess;
  fail(error: Error): void;
}

export interface FakeStarter extends Starter {
  /** Starts that wait for the test to say how they end, oldest first. */
  readonly pending: FakeStart[];
  readonly processes: FakeProcess[];
  prepared: number;
}

function createFakeProcess(name: string): FakeProcess {
  const { promise: exited, resolve } = Promise.withResolvers<ExitInfo>();
  const asked: string[] = [];
  const end = (info: Partial<ExitInfo>): Promise<ExitInfo> => {
    resolve({ code: 0, signal: null, outOfMemory: false, byPlatform: false, logTail: [], ...info });
    return exited;
  };
  return {
    name,
    asked,
    responsive: true,
    listening: true,
    exited,
    address: { kind: "unix", path: `/nowhere/${name}` },
    async ping() {
      asked.push("ping");
      return this.responsive;
    },
    listens() {
      return Promise.resolve(this.listening);
    },
    stop(graceMs) {
      asked.push(`stop ${graceMs}`);
      return end({ byPlatform: true });
    },
    kill() {
      asked.push("kill");
      return end({ byPlatform: true, code: null, signal: "SIGKILL" });
    },
    exit: (info = {}) => void end(info),
    memoryBytes: () => 0,
    logTail: () => [],
  };
}

/** A starter whose starts end when the test says so. */
export function createFakeStarter(): FakeStarter {
  const pending: FakeStart[] = [];
  const processes: FakeProcess[] = [];
  const starter: FakeStarter = {
    pending,
    processes,
    prepared: 0,
    async prepare() {
      starter.prepared += 1;
      return { dir: "/nowhere", entry: "handler.main", paths: [] };
    },
    start({ instance }, signal) {
      return new Promise<StartedInstance>((resolve, reject) => {
        const take = (): void => void pending.splice(pending.indexOf(start), 1);
        const start: FakeStart = {
          name: instance,
          up({ bootMs = 0, loadMs = 0 } = {}) {
            take();
            const process = createFakeProcess(instance);
            processes.push(process);
            resolve({ process, bootMs, loadMs });
            return process;
          },
          fail(error) {
            take();
            reject(error);
          },
        };
        pending.push(start);
        signal.addEventListener("abort", () => start.fail(signal.reason as Error), { once: true });
      });
    },
  };
  return starter;
}
