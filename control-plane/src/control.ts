import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import type { Blobs } from "@hanzo-fn/blobs";
import type { Identity, ManifestOptions } from "@hanzo-fn/contract";
import type { HealthJson } from "@hanzo-fn/contract/api";
import type { Clock } from "@hanzo-fn/lifecycle";
import type { Store } from "@hanzo-fn/store";
import type { Logger } from "@hanzo-fn/telemetry";
import type { View } from "./present.ts";
import type { Reconciler } from "./reconcile.ts";
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
  /** Verifies the signature (`forbidden`), then reads or stores. Undefined where S3 signs its own URLs. */
  readonly signedObject: ((request: SignedRequest) => Promise<SignedAnswer>) | undefined;
  readonly health: () => Promise<HealthJson>;
  /** Drops the series of a function that is gone. */
  readonly forget: (org: string, functionName: string) => void;
  readonly manifestOptions: ManifestOptions;
  readonly limits: { readonly maxManifestBytes: number; readonly source: SourceLimits };
  /** Where uploads are unpacked; on the file system of the data directory. */
  readonly tempDir: string;
  readonly version: string;
}
