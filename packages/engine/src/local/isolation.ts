import { spawnSync } from "node:child_process";
import { realpathSync, statSync } from "node:fs";
import { dirname, isAbsolute } from "node:path";
import type { MemoryControl } from "@hanzo-fn/instance";
import type { RuntimeLaunch } from "./launch.ts";
import type { LocalEngineOptions } from "./options.ts";

/** One limit of the standard, and whether this machine's local engine holds it. */
export interface IsolationItem {
  readonly limit: "uid" | "platform_death" | "memory" | "cpu" | "network" | "read_only_root" | "tmp_size";
  readonly enforced: boolean;
  /** In words a user understands. */
  readonly detail: string;
  /** Set where it is about one runtime. */
  readonly runtime?: string | undefined;
}

export interface Isolation {
  readonly items: readonly IsolationItem[];
  /** Runtimes whose instances run as uids of their own. */
  readonly separated: ReadonlySet<string>;
  /** Programs put before the runtime's command; `ownUid`: for an instance with a uid of its own. */
  readonly prefix: (ownUid: boolean) => readonly string[];
}

/** Whether a uid that owns nothing and is in no group may read what is at `path`. */
export function readableByOthers(path: string): boolean {
  try {
    const real = realpathSync(path);
    const stat = statSync(real);
    const wanted = stat.isDirectory() ? 0o005 : 0o004;
    return (stat.mode & wanted) === wanted && reachable(path) && reachable(real);
  } catch {
    return false;
  }
}

function reachable(path: string): boolean {
  for (let dir = dirname(path); ; dir = dirname(dir)) {
    if ((statSync(dir).mode & 0o001) === 0) return false;
    if (dir === dirname(dir)) return true;
  }
}

const works = (command: string, args: readonly string[], uid?: number): boolean =>
  spawnSync(command, args, {
    stdio: "ignore",
    timeout: 5000,
    ...(uid === undefined ? {} : { uid, gid: uid }),
  }).status === 0;

const LIMITS = ["--core=0", "--nofile=16384:16384"];
/** The kernel counts processes per uid: a limit makes sense only where the uid is one instance's. */
const PROCESS_LIMIT = "--nproc=1024:1024";
const PRIVILEGES = ["--pdeathsig", "KILL", "--no-new-privs", "--"];

interface Hardening {
  readonly diesWithPlatform: boolean;
  readonly prefix: Isolation["prefix"];
}

/** util-linux's prlimit and setpriv, each where it is there and knows these options. */
function hardening(): Hardening {
  const hasLimits = works("prlimit", [...LIMITS, PROCESS_LIMIT, "true"]);
  const hasPrivileges = works("setpriv", [...PRIVILEGES, "true"]);
  return {
    diesWithPlatform: hasPrivileges,
    prefix: (ownUid) => [
      ...(hasLimits ? ["prlimit", ...LIMITS, ...(ownUid ? [PROCESS_LIMIT] : [])] : []),
      ...(hasPrivileges ? ["setpriv", ...PRIVILEGES] : []),
    ],
  };
}

function uidItem(
  name: string,
  launch: RuntimeLaunch,
  { isRoot, uids }: { isRoot: boolean; uids: LocalEngineOptions["uids"] },
): IsolationItem {
  const no = (detail: string): IsolationItem => ({ limit: "uid", enforced: false, detail, runtime: name });
  const same = `instances of ${name} run as the platform's own user and can read its data`;
  if (!isRoot) return no(`${same}: the platform is not root`);
  if (!uids) return no(`${same}: no range of uids is configured`);
  if (!works("true", [], uids.base))
    return no(`${same}: this machine does not let the platform become uid ${uids.base}`);
  const hidden = [launch.command, ...launch.args].find((path) => isAbsolute(path) && !readableByOthers(path));
  if (hidden !== undefined) return no(`${same}: other users cannot read ${hidden}`);
  const last = uids.base + uids.count - 1;
  const detail = `each instance of ${name} runs as a uid of its own, from ${uids.base} to ${last}`;
  return { limit: "uid", enforced: true, detail, runtime: name };
}

function memoryItem(kind: MemoryControl["kind"]): IsolationItem {
  const details = {
    cgroup2: "a control group (v2) per instance",
    cgroup1: "a control group (v1) per instance",
    rss: "by looking at the resident size ten times a second: a quick allocation may overshoot",
    none: "the memory limit is not enforced on this machine",
  };
  return { limit: "memory", enforced: kind !== "none", detail: details[kind] };
}

/** What no local engine holds: processes of one machine share its network, files and processors. */
const NOT_ENFORCED: readonly IsolationItem[] = [
  {
    limit: "network",
    enforced: false,
    detail: "network.egress is not enforced: a function reaches what this machine reaches",
  },
  {
    limit: "read_only_root",
    enforced: false,
    detail: "the root file system is not read-only, only guarded by file permissions",
  },
  {
    limit: "tmp_size",
    enforced: false,
    detail: "/tmp is the machine's and has no size limit; TMPDIR is private and removed afterwards",
  },
  {
    limit: "cpu",
    enforced: false,
    detail: "resources.cpu is not enforced: instances share the machine's processors",
  },
];

/** Looks at this machine once, at start. */
export function checkIsolation(
  runtimes: Readonly<Record<string, RuntimeLaunch>>,
  memoryKind: MemoryControl["kind"],
  options: Pick<LocalEngineOptions, "uids">,
): Isolation {
  const isRoot = process.getuid?.() === 0;
  const { prefix, diesWithPlatform } = hardening();
  const uidItems = Object.entries(runtimes)
    .filter(([, launch]) => launch.unavailable === undefined)
    .map(([name, launch]) => uidItem(name, launch, { isRoot, uids: options.uids }));
  const detail = diesWithPlatform
    ? "instances die with the platform, however it ends"
    : "instances end when their input closes; one that is busy is ended by the next start (setpriv is missing)";
  const death: IsolationItem = { limit: "platform_death", enforced: diesWithPlatform, detail };
  return {
    items: [...uidItems, death, memoryItem(memoryKind), ...NOT_ENFORCED],
    separated: new Set(uidItems.filter((item) => item.enforced).map((item) => item.runtime as string)),
    prefix,
  };
}
