import type { ErrorCode, Identity, InvocationRecord, PlatformError } from "@hanzo-fn/contract";
import type { FunctionEntry, RevisionEntry } from "./route-table.ts";
import type { TraceContext } from "./trace-context.ts";

/** One request as the access log and the tracer see it. It is the call itself: read it, do not keep it. */
export interface AccessEntry {
  readonly method: string;
  /** Canonical, without the query; empty where the path was refused. */
  readonly path: string;
  readonly status: number;
  readonly requestId: string;
  readonly trace: TraceContext;
  readonly identity: Identity | undefined;
  readonly fn: FunctionEntry | undefined;
  /** Undefined where the request was refused before one was chosen. */
  readonly revision: RevisionEntry | undefined;
  /** Set where the call waited for an instance to start. */
  readonly coldStartMs: number | undefined;
  /** When the head of the request was there, in milliseconds since the epoch. */
  readonly nowMs: number;
  readonly client: { readonly address: string };
}

/** Who is told about calls. Every method is called on the hot path: it must not block, nor throw. */
export interface Observer {
  /** A call was handed to an instance. */
  started(org: string, functionName: string): void;
  /** It ended; pairs with `started`. */
  finished(org: string, functionName: string): void;
  /** A call that was let in has ended. Refused ones (401, 404, 405, 429 …) are no invocations. */
  record(record: InvocationRecord): void;
  /** Every request has ended, refused ones included. `errorCode` is empty without an error of the platform. */
  access(entry: AccessEntry, durationMs: number, errorCode: ErrorCode | ""): void;
  /** A mistake of ours; `cause` says which. */
  onInternalError(error: PlatformError): void;
}
