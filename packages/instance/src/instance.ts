import type { LogLevel } from "@hanzo-fn/contract";
import type { Clock } from "@hanzo-fn/lifecycle";

/** One line of an instance, before anyone knows whose it is. */
export interface InstanceLine {
  /** Milliseconds since the epoch. */
  readonly tsMs: number;
  readonly level: LogLevel;
  readonly msg: string;
  readonly stream: "stdout" | "stderr" | "log" | "platform";
  readonly requestId?: string | undefined;
  readonly fields?: Readonly<Record<string, unknown>> | undefined;
}

export interface ExitInfo {
  /** The exit status, or null where a signal ended the process. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The memory limit was hit, by the kernel's account or by ours. */
  readonly outOfMemory: boolean;
  /** The platform ended it: `stop` or `kill` was called before the exit. */
  readonly byPlatform: boolean;
  /** The last lines it logged, oldest first. */
  readonly logTail: readonly string[];
}

/** What `POST /.hanzo/specialise` takes (runtimes/contract.md, section 2), but for `tmp`, which is the instance's. */
export interface SpecialiseBody {
  readonly org: string;
  readonly function: string;
  readonly revision: string;
  readonly instance: string;
  readonly source: string;
  readonly entry: string;
  readonly paths: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly concurrency: number;
  readonly timeoutMs: number;
  /** The platform's gateway and this instance's token; absent where there is none. */
  readonly gateway?: { readonly url: string; readonly token: string } | undefined;
}

export type SpecialiseResult =
  | { readonly ok: true; readonly loadMs: number }
  | {
      readonly ok: false;
      /** `file_missing`, `syntax_error`, `import_error`, `entry_missing`, `entry_invalid`. */
      readonly kind: string;
      readonly message: string;
      readonly trace: string;
    };

export interface LogLimits {
  /** Lines handed on per second, and how many may come at once after a pause. */
  readonly linesPerSecond: number;
  readonly lineBurst: number;
  readonly bytesPerSecond: number;
  readonly byteBurst: number;
  /** Bytes read per second whether handed on or not; beyond it the writer blocks on its pipe. */
  readonly readBytesPerSecond: number;
}

export interface InstanceSpec {
  /** Names the private directory and the memory group; `[a-z0-9-]`, short. */
  readonly id: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Added to the minimum (PATH, LANG, HOME, TMPDIR and the contract's variables). Nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** Parent of the private directories, short: a socket path holds 107 bytes. Exists, and is 0711. */
  readonly socketDir: string;
  /** Where live processes are written down for `sweepLeftovers`; readable by the platform alone. */
  readonly ledgerDir: string;
  /** Run as this uid and gid; undefined: as the platform. */
  readonly uid?: number | undefined;
  readonly memory: MemoryControl;
  /** Bytes; may be set later with `limitMemory`. */
  readonly memoryBytes?: number | undefined;
  /** Programs put before the command, for example `["setpriv", "--pdeathsig", "KILL", "--"]`. */
  readonly prefix?: readonly string[] | undefined;
  /** How long SIGTERM lets running calls go on. */
  readonly drainMs: number;
  /**
   * What makes it up: an answered ping of a generic worker, or, for an executable that holds server and code, that it
   * listens, since it listens only when its code is there. Default `ping`.
   */
  readonly upWhen?: "ping" | "listening" | undefined;
  /** From spawn to being up. */
  readonly bootTimeoutMs: number;
  readonly logLimits?: LogLimits | undefined;
  readonly onLine: (line: InstanceLine) => void;
  readonly clock: Clock;
}

/** One runtime process, from when it is up. */
export interface InstanceProcess {
  readonly id: string;
  readonly pid: number;
  readonly address: { readonly kind: "unix"; readonly path: string };
  readonly uid: number | undefined;
  /** From spawn to being up. */
  readonly bootMs: number;
  /** False from the exit of the process on; `exited` resolves a little later. */
  readonly alive: boolean;
  /** Resolves once, when nothing of the process group is left. Never rejects. */
  readonly exited: Promise<ExitInfo>;
  /**
   * Loads code. Rejects with the signal's reason, or with `InstanceGoneError` where the process ended first.
   * A refusal by the code itself is a result, not an error.
   */
  specialise(body: SpecialiseBody, signal: AbortSignal): Promise<SpecialiseResult>;
  /** Whether the event loop answered within `timeoutMs`. Never rejects. */
  ping(timeoutMs: number): Promise<boolean>;
  /** Whether its socket takes connections, however busy the event loop is. Never rejects. */
  listens(): Promise<boolean>;
  /** SIGTERM, then after `graceMs` SIGKILL to the whole group. */
  stop(graceMs: number): Promise<ExitInfo>;
  kill(): Promise<ExitInfo>;
  limitMemory(bytes: number): void;
  /** Resident bytes of the process and its descendants; 0 where it cannot be read. */
  memoryBytes(): number;
  /** The last lines, oldest first. */
  logTail(): readonly string[];
}

/** The process ended while it was asked something. */
export class InstanceGoneError extends Error {
  override readonly name = "InstanceGoneError";
  readonly exit: ExitInfo;
  constructor(message: string, exit: ExitInfo) {
    super(message);
    this.exit = exit;
  }
}

/** The process did not come up within its time, and was ended. */
export class BootTimeoutError extends Error {
  override readonly name = "BootTimeoutError";
  readonly exit: ExitInfo;
  constructor(bootTimeoutMs: number, exit: ExitInfo) {
    super(`the runtime did not listen within ${bootTimeoutMs} ms`);
    this.exit = exit;
  }
}

/** One process's memory limit. */
export interface MemoryGroup {
  /** Puts a freshly spawned process under the limit. */
  adopt(pid: number): void;
  limit(bytes: number): void;
  /** Whether the limit was hit so far. */
  hit(): boolean;
  /** Every process in the group, where the kernel keeps such a list. */
  pids(): readonly number[];
  /** Lets go; called when every process is gone. */
  close(): Promise<void>;
}

/** How memory is limited on this machine. */
export interface MemoryControl {
  readonly kind: "cgroup2" | "cgroup1" | "rss" | "none";
  /** `onHit` is called where the platform itself has to end the process. */
  open(id: string, onHit: () => void): MemoryGroup;
}
