import type { Clock } from "@hanzo-fn/lifecycle";
import type { Logger } from "@hanzo-fn/telemetry";

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
  readonly runtimes: {
    /** The interpreter; absent: there is no Python on this machine. */
    readonly python?: { readonly command: readonly string[] } | undefined;
    readonly node: { readonly command: readonly string[] };
  };
  /** Default `npm`. */
  readonly npmCommand?: readonly string[] | undefined;
  /** Default `<python> -m pip`. */
  readonly pipCommand?: readonly string[] | undefined;
  /** Uid and gid of installs; only where the platform is root. */
  readonly runAs?: { readonly uid: number; readonly gid: number } | undefined;
  /** The platform's environment; only PATH, locale, proxy, certificate and registry settings of it reach a build. */
  readonly hostEnvironment: Readonly<Record<string, string | undefined>>;
  /** Whether npm packages may run their install scripts. Default false. */
  readonly scripts?: boolean | undefined;
  /** For one command of a build. Default 10 minutes. */
  readonly timeoutMs?: number | undefined;
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
  /** Hash of the lock and of what else decides about the dependencies; undefined where there are none. */
  readonly layerKey?: string | undefined;
  /** Milliseconds: `unpack`, `dependencies`, `bundle` or `compile`. Empty where the copy was there already. */
  readonly phasesMs: Readonly<Record<string, number>>;
  readonly cached: boolean;
}

/** What a revision that exists refers to. */
export type BuildReference = Omit<BuildRequest, "function" | "revision">;

export interface Builder {
  /**
   * Makes, or finds, the working copy of a revision. Concurrent calls for one copy share one build, which goes on
   * when a caller's signal aborts. Throws `build_failed`, `registry_unreachable`, `unsupported`, `storage_full`.
   */
  prepare(request: BuildRequest, signal: AbortSignal): Promise<WorkingCopy>;
  /** Removes working copies and layers that none of `referenced` needs, and what a crash left behind. */
  collect(referenced: Iterable<BuildReference>): Promise<{ readonly removed: number }>;
  /** Ends running builds and the bundler's process. */
  close(): Promise<void>;
}
