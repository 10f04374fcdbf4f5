import type { IncomingMessage } from "node:http";
import { PlatformError } from "@hanzo-fn/contract";
import { type Clock, readLimited } from "@hanzo-fn/lifecycle";
import type { ClusterAccess } from "../access/access.ts";
import { connectionError, isTrustProblem, statusError, statusOf, type Target } from "./errors.ts";
import { type Query, queryString } from "./paths.ts";
import { type Failure, retryDelayMs } from "./retry.ts";
import { readStatus } from "./status.ts";
import { createTransport, type WireRequest } from "./transport.ts";

export interface Call {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  readonly query?: Query | undefined;
  readonly body?: unknown;
  /** `application/json` where not given. */
  readonly contentType?: string | undefined;
  readonly target: Target;
  /** Whether doing it twice is doing it once. */
  readonly idempotent: boolean;
  readonly signal: AbortSignal;
  readonly silenceMs?: number | undefined;
  /** One try only: the caller has its own loop. */
  readonly once?: boolean | undefined;
}

export interface Requests {
  json<T>(call: Call): Promise<T>;
  /** The answer's body, of unknown length. */
  stream(call: Call): Promise<IncomingMessage>;
  close(): void;
}

export interface RequestsOptions {
  readonly userAgent: string;
  /** Without a byte in either direction, in ms. */
  readonly silenceMs: number;
  readonly maxConnections: number;
  /** Tries of one request, the first included. */
  readonly attempts: number;
}

const BACKOFF = { initialMs: 200, factor: 2, maxMs: 5000 };
const MAX_ERROR_BYTES = 1024 * 1024;
/** Above what etcd lets an object or a page of 500 have. */
const MAX_BYTES = 512 * 1024 * 1024;

export function createRequests(
  deps: { readonly access: ClusterAccess; readonly clock: Clock },
  options: RequestsOptions,
): Requests {
  const { access, clock } = deps;
  const transport = createTransport(access, options.maxConnections);

  const wire = (call: Call, stream: boolean): WireRequest => ({
    method: call.method,
    path: call.path + queryString(call.query),
    headers: {
      accept: "application/json",
      "user-agent": options.userAgent,
      ...(call.body === undefined ? {} : { "content-type": call.contentType ?? "application/json" }),
    },
    body: call.body === undefined ? undefined : Buffer.from(JSON.stringify(call.body)),
    signal: call.signal,
    silenceMs: call.silenceMs ?? options.silenceMs,
    stream,
  });

  /** One answer that says yes. Credentials that were renewed meanwhile are tried once. */
  const open = async (call: Call, stream: boolean): Promise<IncomingMessage> => {
    for (let renewed = false; ; renewed = true) {
      const answer = await transport.open(wire(call, stream));
      const status = answer.statusCode!;
      if (status >= 200 && status < 300) return answer;
      const error = refusal(call.target, answer, await readLimited(answer, MAX_ERROR_BYTES));
      if (status !== 401 || renewed || !access.credentials.renew()) throw error;
    }
  };

  const withRetries = async <T>(call: Call, attempt: () => Promise<T>): Promise<T> => {
    for (let number = 1; ; number++) {
      try {
        return await attempt();
      } catch (error) {
        call.signal.throwIfAborted();
        const delay = mayRetry(error)
          ? retryDelayMs(failureOf(error), {
              idempotent: call.idempotent,
              attempt: number,
              attempts: call.once === true ? 1 : options.attempts,
              backoff: BACKOFF,
              random: Math.random(),
            })
          : undefined;
        if (delay === undefined) throw connectionError(call.target, access.origin, error);
        await clock.sleep(delay, call.signal);
      }
    }
  };

  return {
    json: <T>(call: Call) =>
      withRetries(call, async () => JSON.parse(await readLimited(await open(call, false), MAX_BYTES)) as T),
    stream: (call) => withRetries(call, () => open(call, true)),
    close: () => transport.close(),
  };
}

function refusal(target: Target, answer: IncomingMessage, body: string): PlatformError {
  const status = readStatus(answer.statusCode!, body);
  const header = Number(answer.headers["retry-after"] ?? Number.NaN);
  const wait = status.details?.retryAfterSeconds ?? (Number.isFinite(header) ? header : undefined);
  const details = wait === undefined ? status.details : { ...status.details, retryAfterSeconds: wait };
  return statusError(target, { ...status, ...(details === undefined ? {} : { details }) });
}

/** What is no answer and none of our own errors is the connection's. */
function mayRetry(error: unknown): boolean {
  if (error instanceof PlatformError) return statusOf(error) !== undefined;
  return !isTrustProblem((error as NodeJS.ErrnoException).code);
}

function failureOf(error: unknown): Failure {
  const status = statusOf(error);
  if (status) return { status: status.code, retryAfterSeconds: status.details?.retryAfterSeconds };
  return { code: (error as NodeJS.ErrnoException).code };
}
