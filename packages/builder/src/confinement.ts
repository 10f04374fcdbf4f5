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
   * Before a command that may run what the source or its packages bring along: it sees no other process, and what it
   * starts ends with it, however that tries to leave. Undefined where the machine does not let the platform make such a
   * namespace. It changes to the user itself, so that `runAs` is not to be set.
   */
  readonly contained: readonly string[] | undefined;
  /** As `contained`, with a network of its own without any way out. */
  readonly offline: readonly string[] | undefined;
}

const MAX_FILE_BYTES = 4 * 1024 ** 3;
const LIMITS = ["prlimit", "--core=0", "--nofile=65536", `--fsize=${MAX_FILE_BYTES}`, "--"];

async function works(command: readonly string[]): Promise<boolean> {
  const [file = "", ...args] = [...command, "true"];
  return run(file, args, { timeout: 5000 }).then(
    () => true,
    () => false,
  );
}

/** Processes of their own; only root can show them no others. */
function namespaces(user: User | undefined, more: readonly string[]): readonly string[] {
  const own = ["--pid", "--fork", "--kill-child"];
  if (user === undefined) return ["unshare", "--map-current-user", ...own, ...more, "--"];
  const ids = [`--reuid=${user.uid}`, `--regid=${user.gid}`, "--clear-groups"];
  return ["unshare", ...own, "--mount-proc", ...more, "--", "setpriv", ...ids, "--no-new-privs", "--"];
}

/** Looks at this machine, once. `user`: whom commands that run the source's code become, where the platform is root. */
export async function probeConfinement(user: User | undefined): Promise<Confinement> {
  const nice = ["nice", "-n", "5"];
  const [contained, offline] = [namespaces(user, []), namespaces(user, ["--net"])];
  const [hasNice, hasLimits, hasContained, hasOffline] = await Promise.all(
    [nice, LIMITS, contained, offline].map(works),
  );
  const limited = [...(hasNice === true ? nice : []), ...(hasLimits === true ? LIMITS : [])];
  return {
    limited,
    contained: hasContained === true ? [...limited, ...contained] : undefined,
    offline: hasOffline === true ? [...limited, ...offline] : undefined,
  };
}
