import type { ErrorCode, ErrorDetail, Gpu, PlatformError, Secret } from "@hanzo-fn/contract";

/** Names one revision everywhere below the API. `key` is `<org>/<revision name>`, unique in the deployment. */
export interface RevisionRef {
  readonly org: string;
  readonly function: string;
  readonly number: number;
  /** `<function>-%05d` */
  readonly name: string;
  readonly key: string;
}

export function revisionRef(org: string, functionName: string, number: number): RevisionRef {
  const name = `${functionName}-${String(number).padStart(5, "0")}`;
  return { org, function: functionName, number, name, key: `${org}/${name}` };
}

export interface Scaling {
  readonly minInstances: number;
  readonly maxInstances: number;
  readonly targetConcurrency: number;
  readonly scaleDownDelayMs: number;
}

/** What an engine needs to run one revision; all of it immutable but the secrets' values. */
export interface DesiredRevision {
  readonly ref: RevisionRef;
  readonly runtime: string;
  readonly entry: string;
  readonly sourceDigest: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Environment variable name -> secret name. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  readonly timeoutMs: number;
  /** Hard limit of concurrent requests per instance. */
  readonly concurrency: number;
  /** Share of the traffic, 0..100. A revision without traffic keeps no minimum of instances. */
  readonly percent: number;
  /** It was ready before, by the control plane's record: its code needs no proof, and nothing starts until it is called. */
  readonly proven?: boolean | undefined;
  /** Of the manifest. */
  readonly version?: string | undefined;
  readonly gpu?: Gpu | undefined;
  /** `sha256:...` of its image, where one was pushed. */
  readonly imageDigest?: string | undefined;
  /** Milliseconds since the epoch. */
  readonly createdAtMs?: number | undefined;
  /** Undefined where it never had traffic. */
  readonly lastTrafficAtMs?: number | undefined;
}

/** The whole wish for one function. Applying it twice is applying it once. */
export interface DesiredFunction {
  readonly org: string;
  readonly function: string;
  readonly scaling: Scaling;
  /** External origins that it may call (`network.egress`); absent: none. */
  readonly egress?: readonly string[] | undefined;
  /** Revisions that exist; one that is missing here is taken down. */
  readonly revisions: readonly DesiredRevision[];
}

export type RevisionState = "pending" | "building" | "starting" | "ready" | "failed";

export interface InstanceInfo {
  /** The name in `X-Function-Instance`. */
  readonly instance: string;
  readonly state: "starting" | "ready" | "draining";
  readonly inFlight: number;
  readonly startedAt: string;
  readonly memoryBytes?: number;
}

export interface RevisionFailure {
  readonly code: ErrorCode;
  readonly message: string;
  /** The last lines the code logged, oldest first. */
  readonly logTail: readonly string[];
  /** For `build_failed`: where in the source, with an excerpt. */
  readonly details?: readonly ErrorDetail[] | undefined;
  /** RFC 3339. */
  readonly at?: string | undefined;
}

export interface RevisionStatus {
  readonly ref: RevisionRef;
  readonly state: RevisionState;
  /** Why it failed, or why it is unwell although ready (crash loop, out of memory). */
  readonly failure?: RevisionFailure;
  readonly instances: readonly InstanceInfo[];
  /** Milliseconds that the phases of the deploy took, for example `{ build: 31, start: 17 }`. */
  readonly phasesMs: Readonly<Record<string, number>>;
  /** What this engine cannot enforce for this revision, and what it waits for, in words a user understands. */
  readonly warnings: readonly string[];
  /** The image that it runs, `registry/repository@sha256:...`, in engines that have images. */
  readonly image?: string | undefined;
}

/** What an engine says to a wish before anything is done for it. */
export interface WishCheck {
  /** It would be refused, or never become ready. */
  readonly refused: readonly PlatformError[];
  readonly warnings: readonly string[];
}

/** The control plane's half of an engine: idempotent and level-triggered. */
export interface Deployer {
  /**
   * Looks at a wish that nobody made yet, whose newest revision may have no image. Changes nothing. Rejects where the
   * engine cannot be asked.
   */
  check?(desired: DesiredFunction, signal: AbortSignal): Promise<WishCheck>;
  /** Takes the wish in; the way there is reported through `observe`. */
  apply(desired: DesiredFunction, signal: AbortSignal): Promise<void>;
  /** Resolves when nothing of the function is left. */
  remove(ref: { readonly org: string; readonly function: string }, signal: AbortSignal): Promise<void>;
  /**
   * These functions are all there are: what the engine has of others is taken down, whoever made it. Engines whose
   * functions end with their process have no need of it.
   */
  retain?(functions: readonly { readonly org: string; readonly function: string }[]): void;
  /** Calls back with every change of state (not with every instance) until the signal aborts. */
  observe(onChange: (status: RevisionStatus) => void, signal: AbortSignal): void;
  status(ref: RevisionRef): RevisionStatus | undefined;
  /**
   * Instances that take calls now; undefined where the revision is not known. Asked several times for each event, so
   * it looks at memory alone.
   */
  ready(ref: RevisionRef): number | undefined;
}

export interface ColdStart {
  /** From acquire to a ready instance, in milliseconds. */
  readonly totalMs: number;
  /** `queue`, `boot` (0 from the warm pool), `load`. */
  readonly phasesMs: Readonly<Record<string, number>>;
}

export type Address =
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number };

/** Where requests go; one object per live instance, so that a proxy can hang its connection pool on it. */
export interface Target {
  /** The name in `X-Function-Instance`; empty where others choose the instance, and its answer names it (`Lease.instance`). */
  readonly instance: string;
  readonly address: Address;
  /** Header lines, each with its CRLF, that every request on this way carries before the caller's own. */
  readonly lines?: string | undefined;
  /** Aborts when the instance is gone; its idle connections are then closed. */
  readonly gone: AbortSignal;
}

/** The head of an answer, as far as a lease reads it. */
export interface AnswerHead {
  readonly status: number;
  /** The first value of a field, by lower-case name. */
  field(name: string): string | undefined;
}

/**
 * One concurrency slot of one ready instance, or of a way to instances that others choose and start. Release it exactly once.
 * What is known only from the answer is there once `answered` was called.
 */
export interface Lease extends Disposable {
  readonly target: Target;
  readonly coldStart: ColdStart | undefined;
  /** Where `target` does not name it. */
  readonly instance?: string | undefined;
  /** How long the wait for an instance may take beyond the function's timeout, in ms, where that wait is part of the call. */
  readonly waitBudgetMs?: number | undefined;
  /** What of the call was such a wait, in ms. */
  readonly waitedMs?: number | undefined;
  /**
   * There where others than the instance may answer. False: this is no answer of the function's; it is thrown away, and
   * `diagnose` says what it means.
   */
  answered?(head: AnswerHead): boolean;
  release(): void;
  /**
   * The call overran its deadline. The instance takes no new calls; it is killed and replaced when its
   * other calls have ended, or at once where its event loop does not answer a ping within 500 ms.
   * The slot stays taken until `release`. Where the instance is beyond a network, it has only what the request told it:
   * the runtime server ends the handler by the deadline's header, and by the end of the connection.
   */
  expire(): void;
  /**
   * The connection broke before a whole answer came. Says why, once it is known: `out_of_memory`,
   * `instance_exited`, `instance_killed`, or `upstream_unreachable` where the instance still lives. One that lives
   * and listens no more is ended and replaced. `broken` is the connection's error, where there is one.
   */
  diagnose(broken?: Error | undefined): Promise<PlatformError>;
}

/** The proxy's half of an engine. */
export interface Instances {
  /** A slot of a warm instance, or undefined where the caller has to wait. Never blocks. */
  tryAcquire(revisionKey: string): Lease | undefined;
  /**
   * Waits for a slot, starting instances as the scaling allows.
   * Rejects with `queue_timeout`, `no_capacity` (queue full or revision unknown), `crash_loop`,
   * `load_failed` or `draining`; and with the signal's reason, giving its place in the queue back.
   */
  acquire(revisionKey: string, signal: AbortSignal): Promise<Lease>;
}

export interface Engine {
  readonly kind: "local" | "knative";
  readonly deployer: Deployer;
  readonly instances: Instances;
}

/** Resolves the values of secrets at the time an instance starts. Throws `missing_secret` naming the first one absent. */
export type ResolveSecrets = (
  owner: { readonly org: string; readonly function: string },
  names: readonly string[],
  signal: AbortSignal,
) => Promise<ReadonlyMap<string, Secret>>;

/** What one instance needs to reach the platform's gateway (gateway/protocol.md). Disposing ends the token. */
export interface GatewayGrant extends Disposable {
  /** `unix:/path` or `http://host:port` */
  readonly url: string;
  readonly token: string;
}

/** Who lets instances use `ctx.kv`, `ctx.storage`, `ctx.publish` and `ctx.model`. */
export interface Gateway {
  /** A token for one instance, good until it is disposed of. */
  grant(identity: {
    readonly org: string;
    readonly function: string;
    /** Revision name. */
    readonly revision: string;
    readonly instance: string;
  }): GatewayGrant;
  /**
   * The token of all instances of a revision, which a cluster starts: always the same one, good as long as the revision is in
   * the platform's record. Absent where the gateway serves none.
   */
  revisionToken?(revision: {
    readonly org: string;
    readonly function: string;
    /** Revision name. */
    readonly revision: string;
    /** Milliseconds since the epoch: made anew under its name it is another revision. */
    readonly createdAtMs: number;
  }): Secret;
}
