import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { PlatformError } from "@hanzo-fn/contract";
import type { RuntimeLaunch } from "@hanzo-fn/engine";

/** How the code of one runtime is looked into with a debugger. */
export interface CodeDebugger {
  readonly port: number;
  /** The server's launch, so that a debugger can attach. */
  readonly launch: RuntimeLaunch;
  /** The port cannot be handed over: the code before must be gone when the next starts. */
  readonly exclusive: boolean;
  /** Opens the port in a process that runs, once the process before is gone. */
  open(pid: number): void;
}

/** Node's own port of the inspector, and debugpy's of its examples. */
export const DEFAULT_DEBUG_PORT = "9229";
const HOST = "127.0.0.1";

/** debugpy lies in the interpreter's site-packages, which the server is started without. */
const PYTHON_PROBE = "import debugpy, os; print(os.path.dirname(os.path.dirname(debugpy.__file__)))";

function pythonBootstrap(folder: string, port: number): string {
  return [
    "import sys, runpy",
    `sys.path.append(${JSON.stringify(folder)})`,
    "import debugpy",
    `debugpy.configure(subProcess=False)`,
    `debugpy.listen((${JSON.stringify(HOST)}, ${port}))`,
    "sys.argv = sys.argv[1:]",
    'runpy.run_path(sys.argv[0], run_name="__main__")',
  ].join("\n");
}

async function pythonDebugger(launch: RuntimeLaunch, port: number): Promise<CodeDebugger> {
  let folder: string;
  try {
    const { stdout } = await promisify(execFile)(launch.command, ["-I", "-c", PYTHON_PROBE]);
    folder = stdout.trim();
  } catch (cause) {
    throw new PlatformError("unsupported", `debugpy is not installed for ${launch.command}`, {
      cause,
      component: "dev",
      next: `${launch.command} -m pip install debugpy`,
    });
  }
  const flags = launch.args.slice(0, -1);
  const program = launch.args.slice(-1);
  const code = pythonBootstrap(folder, port);
  const args = [...flags, "-X", "frozen_modules=off", "-c", code, ...program];
  return { port, launch: { ...launch, args }, exclusive: true, open: () => {} };
}

function nodeDebugger(launch: RuntimeLaunch, port: number): CodeDebugger {
  return {
    port,
    launch: { ...launch, args: [`--inspect-port=${HOST}:${port}`, ...launch.args] },
    exclusive: false,
    open(pid) {
      try {
        // Node opens its inspector at this signal, also while the code is busy.
        process.kill(pid, "SIGUSR1");
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
      }
    },
  };
}

/** Throws `unsupported` where the runtime has no debugger that attaches over a port here. */
export async function createDebugger(
  runtime: string,
  launch: RuntimeLaunch,
  port: number,
): Promise<CodeDebugger> {
  if (runtime === "typescript") return nodeDebugger(launch, port);
  if (runtime === "python") return pythonDebugger(launch, port);
  const tool = runtime === "go" ? "dlv attach PID" : "rust-lldb -p PID";
  throw new PlatformError(
    "unsupported",
    `--inspect is for typescript and python, this function is ${runtime}`,
    {
      component: "dev",
      next: `start without --inspect; the key d shows the PID for: ${tool}`,
    },
  );
}
