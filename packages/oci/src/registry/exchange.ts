import { PlatformError } from "@hanzo-fn/contract";
import type { Clock } from "@hanzo-fn/lifecycle";
import type { Logger } from "@hanzo-fn/telemetry";
import type { OutgoingHttpHeaders } from "node:http";
import type { Readable } from "node:stream";
import { answeredUrl } from "./address.ts";
import type { Authorization } from "./authorization.ts";
import { brokenBecause, refusal, refusalDetails, unreachable, type Wanted } from "./failure.ts";
import { isPassing, pauseBefore, retryAfterMs, type RetryPolicy, type Setback } from "./retry.ts";
import {
  headerOf,
  SilenceError,
  type Transport,
  type TransportRequest,
  type TransportResponse,
} from "./transport.ts";

export interface Call {
  readonly method: TransportRequest["method"];
  /** A path below the registry, or an address that the registry gave. */
  readonly to: string | URL;
  readonly headers?: OutgoingHttpHeaders | undefined;
  /** Opened anew for every try. */
  readonly body?: (() => Promise<Readable | Uint8Array>) | undefined;
  readonly scopes: readonly string[];
  /** What is done, in words: `push to a/b`. */
  readonly action: string;
  /** Statuses that are an answer. Everything else is an error. */
  readonly accept: readonly number[];
  /** Default: as the policy says. False where the caller has to look what arrived before it tries again. */
  readonly retry?: boolean | undefined;
}

/**
 * One call with its authorization, redirects and bounded tries. Throws `registry_unreachable` (connection lost, silence, 5xx, 429),
 * `registry_refused` (other refusals) and `not_found`.
 */
export type Exchange = (call: Call, signal: AbortSignal) => Promise<TransportResponse>;

export interface ExchangeParts {
  readonly host: string;
  readonly url: URL;
  readonly transport: Transport;
  readonly authorization: Authorization;
  readonly policy: RetryPolicy;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Pick<Logger, "warn">;
}

const MOST_REDIRECTS = 5;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

export function createExchange(parts: ExchangeParts): Exchange {
  const { host, policy, clock, random, log } = parts;
  return async (call, signal) => {
    const wanted = { host, action: call.action };
    for (let attempt = 1; ; attempt++) {
      const outcome = await tryOnce(parts, call, wanted, signal);
      if ("response" in outcome) return outcome.response;
      const pause =
        call.retry === false ? undefined : pauseBefore(outcome.setback, attempt, policy, random());
      if (pause === undefined) throw outcome.error;
      log.warn("registry call is tried again", {
        registry: host,
        action: call.action,
        attempt,
        error: outcome.error.message,
      });
      await clock.sleep(pause, signal);
    }
  };
}

type Outcome =
  | { readonly response: TransportResponse }
  | { readonly setback: Setback; readonly error: PlatformError };

async function tryOnce(
  parts: ExchangeParts,
  call: Call,
  wanted: Wanted,
  signal: AbortSignal,
): Promise<Outcome> {
  let response: TransportResponse;
  try {
    response = await authorised(parts, call, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof PlatformError && error.code !== "registry_unreachable") throw error;
    const known =
      error instanceof PlatformError ? error : unreachable(wanted, brokenBecause(error), { cause: error });
    return { setback: { kind: known.cause instanceof SilenceError ? "silent" : "lost" }, error: known };
  }
  const { status } = response;
  if (call.accept.includes(status)) return { response };
  if (!isPassing(status)) throw refusal(wanted, status, await refusalDetails(response));
  response.body.resume();
  const wait = retryAfterMs(headerOf(response, "retry-after"), parts.clock.now());
  const error = unreachable(wanted, `it answers ${status}`, { retryAfterMs: wait });
  return { setback: { kind: "status", status, retryAfterMs: wait }, error };
}

/** The call as whoever the registry wants to see: after a 401 once more, with what that asked for. */
async function authorised(parts: ExchangeParts, call: Call, signal: AbortSignal): Promise<TransportResponse> {
  const { response: first, from } = await redirected(parts, call, signal);
  if (first.status !== 401 || from.origin !== parts.url.origin) return first;
  const challenges = headerOf(first, "www-authenticate");
  if (!(await parts.authorization.learn(challenges, call.scopes, signal))) return first;
  first.body.resume();
  return (await redirected(parts, call, signal)).response;
}

/** Follows redirects of reads: registries keep blobs elsewhere, where their credentials are nobody's business. */
async function redirected(
  parts: ExchangeParts,
  call: Call,
  signal: AbortSignal,
): Promise<{ readonly response: TransportResponse; readonly from: URL }> {
  const { url: registry, transport, authorization } = parts;
  let url = typeof call.to === "string" ? new URL(call.to, registry) : call.to;
  for (let hops = 0; ; hops++) {
    const own = url.origin === registry.origin ? await authorization.header(call.scopes, signal) : undefined;
    const headers = { ...call.headers, ...(own === undefined ? {} : { authorization: own }) };
    const body = await call.body?.();
    const response = await transport({ method: call.method, url, headers, body, signal });
    const location = headerOf(response, "location");
    const follow = REDIRECTS.has(response.status) && (call.method === "GET" || call.method === "HEAD");
    if (!follow || location === undefined || hops >= MOST_REDIRECTS) return { response, from: url };
    response.body.resume();
    url = answeredUrl(location, url);
  }
}
