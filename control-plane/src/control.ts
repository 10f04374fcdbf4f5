import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import type { Blobs } from "@hanzo-fn/blobs";
import type { Publication } from "@hanzo-fn/brokers";
import type { AcceptTask, Identity, ManifestOptions, Origin, Trigger } from "@hanzo-fn/contract";
import type { HealthJson } from "@hanzo-fn/contract/api";
import type { Clock } from "@hanzo-fn/lifecycle";
import type { DeadLetterRow, Store, StoreTransaction, TriggerRow } from "@hanzo-fn/store";
import type { Logger } from "@hanzo-fn/telemetry";
import type { View } from "./present.ts";
import type { Reconciler } from "./reconcile.ts";
import type { CronTimes } from "./schedules.ts";
import type { SecretAdmin } from "./secrets-admin.ts";
import type { SourceLimits } from "./source/index.ts";

/** A call made on behalf of an API client, in process. */
export interface InvokeRequest {
  readonly org: string;
  readonly function: string;
  /** Name or number; pins the call, whatever the split. */
  readonly revision: string | undefined;
  /** With its question mark, or empty. */
  readonly query: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: AsyncIterable<Uint8Array>;
  readonly requestId: string;
}

export interface InvokeAnswer {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: AsyncIterable<Uint8Array>;
}

/** Where asynchronous calls are kept and run. */
export interface TaskDesk {
  readonly accept: AcceptTask;
  /** Resolves when this process hears that the task has ended, or the signal aborts. */
  ended(id: string, signal: AbortSignal): Promise<void>;
  /** The key that callbacks to the organisation are signed with. */
  callbackKey(org: string): string;
}

/** A request by a URL that the platform signed. */
export interface SignedRequest {
  readonly method: string;
  readonly url: string;
  readonly incoming: IncomingMessage;
  readonly signal: AbortSignal;
}

export interface SignedAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Readable | undefined;
}

/** What the event plane knows of triggers. */
export interface TriggerPlane {
  readonly times: CronTimes;
  /**
   * Makes what brokers keep of a function's triggers, or throws why it cannot be. What it resolves with is called in the
   * transaction that records them, with their rows.
   */
  prepare(
    org: string,
    functionName: string,
    triggers: readonly Trigger[],
    signal: AbortSignal,
  ): Promise<(tx: StoreTransaction, rows: readonly TriggerRow[]) => Promise<void>>;
  /** What waits at the trigger's source; undefined where it cannot be told. */
  lag(row: TriggerRow): Promise<{ readonly items: number; readonly seconds: number } | undefined>;
  /** Makes a new event of a dead letter, and marks the letter; the event's id. Throws `conflict` where it cannot be. */
  redrive(letter: DeadLetterRow): Promise<string>;
}

/** All that the handlers of :8060 need. */
export interface Control {
  readonly store: Store;
  readonly blobs: Blobs;
  readonly clock: Clock;
  readonly log: Logger;
  readonly reconciler: Reconciler;
  readonly view: View;
  readonly hasSecret: (org: string, name: string, functionName: string) => Promise<boolean>;
  /** Undefined where secrets are kept elsewhere. */
  readonly secrets: SecretAdmin | undefined;
  readonly invoke: (
    request: InvokeRequest,
    caller: { readonly identity: Identity; readonly signal: AbortSignal },
  ) => Promise<InvokeAnswer>;
  readonly triggers: TriggerPlane;
  readonly tasks: TaskDesk;
  /** Verifies the signature (`forbidden`), then reads or stores. Undefined where S3 signs its own URLs. */
  readonly signedObject: ((request: SignedRequest) => Promise<SignedAnswer>) | undefined;
  /** Resolves with the message's id once its broker keeps it. */
  readonly publish: (
    publication: Publication,
    by: { readonly org: string; readonly origin: Origin },
    signal: AbortSignal,
  ) => Promise<string>;
  readonly health: () => Promise<HealthJson>;
  /** Drops the series of a function that is gone. */
  readonly forget: (org: string, functionName: string) => void;
  readonly manifestOptions: ManifestOptions;
  readonly limits: { readonly maxManifestBytes: number; readonly source: SourceLimits };
  /** Where uploads are unpacked; on the file system of the data directory. */
  readonly tempDir: string;
  readonly version: string;
}
