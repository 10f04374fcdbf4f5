import { fs, inspect, net } from "../builtins.ts";
import type { Runtime } from "./runtime.ts";
import type { Scopes } from "./scope.ts";

/** SIGTERM drains and ends with 0; a second one, or the end of the drain time, ends at once. */
export function endOnSignal(runtime: Runtime, process: NodeJS.Process, drainMs: number): void {
  let draining = false;
  const end = (): void => {
    if (draining) process.exit(0);
    draining = true;
    setTimeout(() => {
      runtime.closeSockets();
      // One turn, in which what was written leaves.
      setImmediate(() => process.exit(0));
    }, drainMs);
    void runtime.drain().then(() => process.exit(0));
  };
  process.on("SIGTERM", end);
}

/**
 * The end of the platform's pipe on stdin ends the process. Only a pipe or a socket is watched: in a container
 * stdin is `/dev/null` or closed from the start.
 */
export function endWithPlatform(process: NodeJS.Process): void {
  if (!isPipe(0)) return;
  const pipe = new net.Socket({ fd: 0, readable: true, writable: false });
  const end = (): never => process.exit(0);
  pipe.on("end", end).on("error", end).on("close", end);
  pipe.resume();
}

function isPipe(fd: number): boolean {
  try {
    const stats = fs.fstatSync(fd);
    return stats.isFIFO() || stats.isSocket();
  } catch {
    return false;
  }
}

/** An error that no call owns (a rejection nobody handles included) is logged and ends the process with 1. */
export function endOnUncaught(process: NodeJS.Process, scopes: Scopes): void {
  process.on("exit", () => scopes.flush());
  process.on("uncaughtException", (error, origin) => {
    scopes.writer.write({
      level: "error",
      stream: "log",
      msg: `${origin}: ${inspect(error)}`,
      requestId: scopes.current().requestId,
    });
    process.exit(1);
  });
}
