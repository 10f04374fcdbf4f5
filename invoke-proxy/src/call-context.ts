import type { AcceptTask, Authenticator } from "@hanzo-fn/contract";
import type { Instances } from "@hanzo-fn/engine";
import type { Clock } from "@hanzo-fn/lifecycle";
import type { Observer } from "./access.ts";
import type { AdmissionDependencies } from "./admit.ts";
import type { Deadlines } from "./deadlines.ts";
import type { Upstreams } from "./http1/upstream.ts";
import type { Ids } from "./ids.ts";
import type { RateLimiter } from "./rate-limit.ts";
import type { ClientInfo } from "./request-lines.ts";
import type { RequestFields } from "./request-fields.ts";
import type { RouteTable } from "./route-table.ts";

/** All that calls share. */
export interface CallContext extends AdmissionDependencies {
  readonly routes: RouteTable;
  readonly limiter: RateLimiter;
  readonly authenticator: Authenticator;
  readonly instances: Instances;
  readonly upstreams: Upstreams;
  readonly deadlines: Deadlines;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly observer: Observer;
  readonly maxBodyBytes: number;
  readonly trustForwarded: boolean;
  readonly traceSampling: number;
  /** Keeps calls for later; where it is absent there is no `invoke-async`. */
  readonly acceptLater: AcceptTask | undefined;
  /** The `Date` line of an instant in epoch milliseconds. */
  readonly dateLine: (nowMs: number) => string;
}

export interface CallRequest {
  readonly method: string;
  /** Origin form, as it goes to the function. */
  readonly target: string;
  /** 0: no body; -1: a body of unknown length. */
  readonly bodyLength: number;
  readonly fields: RequestFields;
  readonly client: ClientInfo;
  readonly upgrade: string | undefined;
}
