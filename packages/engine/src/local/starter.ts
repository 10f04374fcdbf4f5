import { PlatformError, type Secret } from "@hanzo-fn/contract";
import type { InstanceLine, SpecialiseBody } from "@hanzo-fn/instance";
import type { DesiredRevision } from "../engine.ts";
import type { LiveProcess } from "./live-instance.ts";

/**
 * A revision's unpacked source with its dependencies, ready to be loaded. Where instances run as other uids,
 * every directory above `dir` and `paths` is at least 0711, everything in them is readable by others, and the
 * name of `dir` cannot be guessed: reading its parent is what keeps one function from another's code.
 */
export interface WorkingCopy {
  /** Absolute directory of the source. */
  readonly dir: string;
  /** The entry in the runtime's own spelling; usually the manifest's. */
  readonly entry: string;
  /** Directories for the module search path, in order. */
  readonly paths: readonly string[];
  /** Absolute path of the function's own program; set for compiled runtimes, and only for them. */
  readonly executable?: string | undefined;
  /** Variables that its instances get besides the function's own: where libraries lie. */
  readonly environment?: Readonly<Record<string, string>> | undefined;
}

/** Makes, or finds, the working copy. Throws `build_failed` and kin. Called again when an instance has to start anew. */
export type Prepare = (revision: DesiredRevision, signal: AbortSignal) => Promise<WorkingCopy>;

export interface StartedInstance {
  readonly process: LiveProcess;
  /** 0 from the warm pool. */
  readonly bootMs: number;
  readonly loadMs: number;
}

export interface StartRequest {
  readonly desired: DesiredRevision;
  readonly copy: WorkingCopy;
  readonly instance: string;
  readonly onLine: (line: InstanceLine) => void;
}

/** Starts one instance of a revision; knows nothing of scaling. Rejects with `StartError`. */
export interface Starter {
  prepare: Prepare;
  start(request: StartRequest, signal: AbortSignal): Promise<StartedInstance>;
}

/** An instance did not come up: the error for the caller, and what the code logged before. */
export class StartError extends Error {
  override readonly name = "StartError";
  readonly error: PlatformError;
  readonly logTail: readonly string[];
  constructor(error: PlatformError, logTail: readonly string[]) {
    super(error.message, { cause: error });
    this.error = error;
    this.logTail = logTail;
  }
}

/** The body of `specialise`; secrets are resolved into plain environment variables here and nowhere else. */
export function specialiseBody(
  desired: DesiredRevision,
  copy: WorkingCopy,
  instance: string,
  secrets: ReadonlyMap<string, Secret>,
): SpecialiseBody {
  const environment: Record<string, string> = { ...desired.environment };
  for (const [variable, name] of Object.entries(desired.secrets)) {
    const secret = secrets.get(name);
    if (!secret) {
      throw new PlatformError("missing_secret", `the secret "${name}" does not exist`, {
        component: "engine/local",
        function: desired.ref.function,
        revision: desired.ref.name,
        next: `hanzo-fn secrets set ${name}`,
      });
    }
    environment[variable] = secret.reveal();
  }
  return {
    org: desired.ref.org,
    function: desired.ref.function,
    revision: desired.ref.name,
    instance,
    source: copy.dir,
    entry: copy.entry,
    paths: copy.paths,
    environment,
    concurrency: desired.concurrency,
    timeoutMs: desired.timeoutMs,
  };
}
