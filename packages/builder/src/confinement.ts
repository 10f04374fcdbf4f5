import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface User {
  readonly uid: number;
  readonly gid: number;
}

/** What this machine lets the platform take from a build's commands. */
export interface Confinement {
  /** Before every command: a lower priority, no core files, bounded files and handles. */
  readonly limited: readonly string[];
  /**
   * Before a command that runs the source's own code (build scripts, procedural macros): a network of its own without
   * any way out, and processes that end with the command however they try to leave. Undefined where the machine
   * does not let the platform make such namespaces. It changes to the user itself, so `runAs` is not to be set.
   */
  readonly offline: readonly string[] | undefined;
}

const MAX_FILE_BYTES = 4 * 1024 ** 3;
const LIMITS = ["prlimit", "--core=0", "--nofile=65536", `--fsize=${MAX_FILE_BYTES}`, "--"];
const NAMESPACES = ["--net", "--pid", "--fork", "--kill-child", "--"];

async function works(command: readonly string[]): Promise<boolean> {
  const [file = "", ...args] = [...command, "true"];
  return run(file, args, { timeout: 5000 }).then(
    () => true,
    () => false,
  );
}

function changeUser({ uid, gid }: User): readonly string[] {
  return ["setpriv", `--reuid=${uid}`, `--regid=${gid}`, "--clear-groups", "--no-new-privs", "--"];
}

/** Looks at this machine, once. `user`: whom commands that run the source's code become, where the platform is root. */
export async function probeConfinement(user: User | undefined): Promise<Confinement> {
  const offline = user
    ? ["unshare", ...NAMESPACES, ...changeUser(user)]
    : ["unshare", "--map-current-user", ...NAMESPACES];
  const nice = ["nice", "-n", "5"];
  const [hasNice, hasLimits, hasOffline] = await Promise.all([nice, LIMITS, offline].map(works));
  const limited = [...(hasNice === true ? nice : []), ...(hasLimits === true ? LIMITS : [])];
  return { limited, offline: hasOffline === true ? [...limited, ...offline] : undefined };
}
