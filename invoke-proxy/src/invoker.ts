import type { AcceptTask, Authenticator, FunctionRoutes, Identity } from "@hanzo-fn/contract";
import type { Instances } from "@hanzo-fn/engine";
import type { Clock } from "@hanzo-fn/lifecycle";
import type { Observer } from "./access.ts";
import type { CallContext } from "./call-context.ts";
import { createDeadlines } from "./deadlines.ts";
import { createDateLine } from "./http-date.ts";
import type { HeadLimits } from "./http1/head.ts";
import { Upstreams } from "./http1/upstream.ts";
import { createIds } from "./ids.ts";
import { invokeInProcess, type InvokeRequest, type InvokeResponse } from "./in-process.ts";
import { createRateLimiter } from "./rate-limit.ts";
import { createRouteTable } from "./route-table.ts";
import { createServerOf, type ProxyServer } from "./server.ts";

export interface InvokerDependencies {
  readonly authenticator: Authenticator;
  readonly instances: Instances;
  readonly clock: Clock;
  readonly observer: Observer;
  /** Keeps the calls of `invoke-async`; without it there are none. */
  readonly acceptLater?: AcceptTask | undefined;
  /** See `AdmissionDependencies`. */
  readonly everyone?: CallContext["everyone"];
}

export interface InvokerOptions {
  /** Largest request body. Default 100 MiB. */
  readonly maxBodyBytes?: number | undefined;
  /** Whether `X-Forwarded-*` of clients is believed (a load balancer is in front). Default false. */
  readonly trustForwarded?: boolean | undefined;
  /** Share of new traces that are sampled, 0..1. Default 0.1. */
  readonly traceSampling?: number | undefined;
  /** Rate limit keys kept in memory, over all routes. Default 100,000. */
  readonly maxRateLimitKeys?: number | undefined;
  /** Idle connections to instances are closed after this. Default 3 s: below the 5 s of Node's HTTP server. */
  readonly upstreamIdleMs?: number | undefined;
  readonly responseLimits?: HeadLimits | undefined;
}

/** The phases of an invocation below the wire, and the routes they go by. */
export interface Invoker {
  /** Takes a function's routes in; older generations are ignored. */
  upsert(routes: FunctionRoutes): void;
  remove(org: string, functionName: string): void;
  /** The numbers of the revisions that may be called; undefined where there is no such function. */
  revisions(org: string, functionName: string): readonly number[] | undefined;
  /** Calls a function in process. See `InvokeRequest`. */
  invoke(request: InvokeRequest, identity: Identity, signal: AbortSignal): Promise<InvokeResponse>;
  /** For `createProxyServer`. */
  readonly calls: CallContext;
}

export interface ProxyOptions {
  readonly host?: string | undefined;
  /** 0: any free port. Default 8061. */
  readonly port?: number | undefined;
  /** Default 10,000. */
  readonly maxConnections?: number | undefined;
  /** Bounds on a request's head. Default: 32 KiB, target 8 KiB, 100 headers. */
  readonly limits?: HeadLimits | undefined;
  /** Default 10 s. */
  readonly headTimeoutMs?: number | undefined;
  /** A wanted body must bring `bodyWindowBytes` (default 1 KiB) per `bodyWindowMs` (default 10 s). */
  readonly bodyWindowMs?: number | undefined;
  readonly bodyWindowBytes?: number | undefined;
  /** Default 75 s. */
  readonly idleTimeoutMs?: number | undefined;
  /** Default 2 s. */
  readonly lingerMs?: number | undefined;
  /** How often timeouts are looked at. Default 500 ms. */
  readonly sweepMs?: number | undefined;
}

const REQUEST_LIMITS: HeadLimits = { maxHeadBytes: 32_768, maxTargetBytes: 8192, maxHeaders: 100 };
const RESPONSE_LIMITS: HeadLimits = { maxHeadBytes: 65_536, maxTargetBytes: 0, maxHeaders: 200 };

export function createInvoker(deps: InvokerDependencies, options: InvokerOptions = {}): Invoker {
  const limiter = createRateLimiter({ maxKeys: options.maxRateLimitKeys ?? 100_000 });
  const routes = createRouteTable({ limiter });
  const monotonic = (): number => deps.clock.monotonic();
  const calls: CallContext = {
    routes,
    limiter,
    authenticator: deps.authenticator,
    everyone: deps.everyone,
    instances: deps.instances,
    acceptLater: deps.acceptLater,
    upstreams: new Upstreams(
      { limits: options.responseLimits ?? RESPONSE_LIMITS, idleMs: options.upstreamIdleMs ?? 3000 },
      monotonic,
    ),
    deadlines: createDeadlines(monotonic),
    clock: deps.clock,
    ids: createIds(),
    observer: deps.observer,
    maxBodyBytes: options.maxBodyBytes ?? 100 * 1024 * 1024,
    trustForwarded: options.trustForwarded ?? false,
    traceSampling: options.traceSampling ?? 0.1,
    dateLine: createDateLine(),
  };
  return {
    upsert: (functionRoutes) => routes.upsert(functionRoutes),
    remove: (org, functionName) => routes.remove(org, functionName),
    revisions: (org, functionName) =>
      routes.function(org, functionName)?.revisions.map(({ revision }) => revision.number),
    invoke: (request, identity, signal) => invokeInProcess(calls, request, identity, signal),
    calls,
  };
}

/** The proxy on :8061: a service whose `stop` drains. */
export function createProxyServer(
  deps: { readonly invoker: Invoker },
  options: ProxyOptions = {},
): ProxyServer {
  return createServerOf(deps.invoker.calls, {
    host: options.host ?? "0.0.0.0",
    port: options.port ?? 8061,
    maxConnections: options.maxConnections ?? 10_000,
    sweepMs: options.sweepMs ?? 500,
    connection: {
      limits: options.limits ?? REQUEST_LIMITS,
      headTimeoutMs: options.headTimeoutMs ?? 10_000,
      bodyWindowMs: options.bodyWindowMs ?? 10_000,
      bodyWindowBytes: options.bodyWindowBytes ?? 1024,
      idleTimeoutMs: options.idleTimeoutMs ?? 75_000,
      lingerMs: options.lingerMs ?? 2000,
    },
  });
}
