import type { Clock } from "@hanzo-fn/lifecycle";
import type { Logger } from "@hanzo-fn/telemetry";

/** What the installed Go compiles with. */
export interface GoToolchain {
  /** Absolute path of `go`. */
  readonly command: string;
  /** GOROOT */
  readonly root: string;
  /** For example `go1.26.8`. */
  readonly version: string;
  /** Absolute directory of the platform's SDK, at a path that stays the same. */
  readonly sdk: string;
  readonly sdkDigest: string;
}

export interface RustToolchain {
  /** Absolute paths of the programs themselves, not of a manager that chooses versions. */
  readonly cargo: string;
  readonly rustc: string;
  readonly version: string;
  /** The machine's own target, for example `x86_64-unknown-linux-gnu`. */
  readonly host: string;
  /** Absolute directory of the crate `hanzo_functions`, with its Cargo.lock. */
  readonly sdk: string;
  readonly sdkDigest: string;
}

export interface CompileRequest {
  readonly org: string;
  readonly function: string;
  readonly entry: string;
  /** The unpacked source; it stays as it is. */
  readonly source: string;
  /** An empty directory of this build with `home` and `tmp` in it; goes with the build. */
  readonly scratch: string;
  /** Where the executable is to be put. */
  readonly program: string;
  /** `dev`: quick to make again after a change, with what a debugger needs. */
  readonly mode: "release" | "dev";
  readonly onLine: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Makes an executable of a source. Throws `build_failed`, `registry_unreachable`, `unsupported`. */
export interface Compiler {
  /** Version of all that decides about the result besides the source. */
  readonly key: string;
  compile(request: CompileRequest): Promise<{ readonly loadsModels: boolean }>;
  /** Removes what it keeps and has not used since `before`, in milliseconds since the epoch. */
  collect?(before: number): Promise<void>;
}

export interface BuilderDependencies {
  /** The canonical archive of a source; throws where there is none. */
  readonly openSource: (
    org: string,
    digest: string,
    signal: AbortSignal,
  ) => Promise<AsyncIterable<Uint8Array>>;
  readonly clock: Pick<Clock, "now" | "monotonic">;
  readonly log: Logger;
}

export interface BuilderOptions {
  /** Absolute directory for working copies; made 0711, so that a copy's name cannot be found by looking. */
  readonly workRoot: string;
  /** Absolute directory for installed dependencies; made 0711. */
  readonly layersRoot: string;
  /**
   * Absolute directory of what compilers and package managers keep between builds; made 0711. Several platforms may
   * share one, where they run as the same user.
   */
  readonly cacheRoot: string;
  readonly runtimes: {
    /** The interpreter; absent: there is no Python on this machine. */
    readonly python?: { readonly command: readonly string[] } | undefined;
    readonly node: { readonly command: readonly string[] };
    /** Absent: there is no Go, or no cargo, on this machine. */
    readonly go?: GoToolchain | undefined;
    readonly rust?: RustToolchain | undefined;
  };
  /** Default `npm`. */
  readonly npmCommand?: readonly string[] | undefined;
  /** Default `<python> -m pip`. */
  readonly pipCommand?: readonly string[] | undefined;
  /** Uid and gid of installs; only where the platform is root. */
  readonly runAs?: { readonly uid: number; readonly gid: number } | undefined;
  /** Uid and gid of commands that fetch and compile without running anything of a source; they own the caches. */
  readonly fetchAs?: { readonly uid: number; readonly gid: number } | undefined;
  /** The platform's environment; only PATH, locale, proxy, certificate and registry settings of it reach a build. */
  readonly hostEnvironment: Readonly<Record<string, string | undefined>>;
  /** Whether npm packages may run their install scripts. Default false. */
  readonly scripts?: boolean | undefined;
  /** For one command of a build. Default 10 minutes. */
  readonly timeoutMs?: number | undefined;
  /** Resident memory of one command and its children. Default 4 GiB. */
  readonly maxMemoryBytes?: number | undefined;
  /** What one command may write to the disk. Default 4 GiB. */
  readonly maxDiskBytes?: number | undefined;
  /** Default 1 GiB. */
  readonly maxLayerBytes?: number | undefined;
}

export interface BuildRequest {
  readonly org: string;
  readonly function: string;
  /** Revision name, for errors and logs. */
  readonly revision: string;
  readonly runtime: string;
  readonly entry: string;
  readonly sourceDigest: string;
}

/** A revision's unpacked source with its dependencies, ready to be loaded. */
export interface WorkingCopy {
  /** Absolute directory of the source; unguessable, readable by everybody who knows it. */
  readonly dir: string;
  readonly entry: string;
  /** Directories for the module search path, in order. */
  readonly paths: readonly string[];
  /** Absolute path of the program that compiled code is; undefined for the others. */
  readonly executable?: string | undefined;
  /** Variables that its instances get besides the function's own: where libraries lie. */
  readonly environment?: Readonly<Record<string, string>> | undefined;
  /** Hash of the lock and of what else decides about the dependencies; undefined where there are none. */
  readonly layerKey?: string | undefined;
  /** Milliseconds: `unpack`, `dependencies`, `bundle` or `compile`, of those that the runtime has. Empty where the copy was there already. */
  readonly phasesMs: Readonly<Record<string, number>>;
  readonly cached: boolean;
}

/** What a revision that exists refers to. */
export type BuildReference = Omit<BuildRequest, "function" | "revision">;

export interface Builder {
  /** What decides about a result besides the source: the compiler's version and the SDK's. Empty for code that is not compiled. */
  keyOf(runtime: string): string;
  /**
   * Makes, or finds, the working copy of a revision. Concurrent calls for one copy share one build, which ends with
   * the last one's signal. `onLine` gets what the tools print, of the first caller. Throws `build_failed`,
   * `registry_unreachable`, `unsupported`, `storage_full`.
   */
  prepare(request: BuildRequest, signal: AbortSignal, onLine?: (line: string) => void): Promise<WorkingCopy>;
  /** Removes working copies and layers that none of `referenced` needs, and what a crash left behind. */
  collect(referenced: Iterable<BuildReference>): Promise<{ readonly removed: number }>;
  /** Ends running builds and the bundler's process. */
  close(): Promise<void>;
}
