import { type HttpTrigger, type Identity, type Manifest, PERMISSIONS } from "@hanzo-fn/contract";
import type { Instances } from "@hanzo-fn/engine";
import { createInvoker, createProxyServer, type AccessEntry, type ProxyServer } from "@hanzo-fn/invoke-proxy";
import type { Clock } from "@hanzo-fn/lifecycle";
import { ORG } from "./org.ts";

export interface Front {
  readonly server: ProxyServer;
  /** Routes to the function as its manifest is now. */
  route(name: string, manifest: Manifest | undefined, number: number): void;
}

export interface FrontDependencies {
  readonly instances: Instances;
  /** Called as soon as the head of a request is there, before it is routed. */
  readonly onArrival: () => void;
  readonly onRequest: (entry: AccessEntry, durationMs: number, errorCode: string) => void;
  readonly clock: Clock;
}

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
/** A debugger holds a call for as long as its user thinks. */
export const LONGEST_CALL_MS = 24 * 3_600_000;
const DEFAULT_TIMEOUT_MS = 60_000;
const MAX_CONNECTIONS = 1000;

const me: Identity = {
  kind: "user",
  org: ORG,
  subject: "developer",
  limitKey: "dev",
  permissions: new Set(PERMISSIONS),
  expiresAtMs: Infinity,
};
/** Whoever sends an event by hand stands in for the event plane. */
const eventPlane: Identity = { ...me, kind: "platform" };

function triggerRoutes(manifest: Manifest) {
  return manifest.triggers
    .filter((trigger): trigger is HttpTrigger => trigger.type === "http")
    .map(({ path, methods, auth, rateLimit, cors }, i) => {
      return { triggerId: `http-${i + 1}`, path, methods, auth, rateLimit, cors };
    });
}

/** The wire of production before one function: its trigger paths, `/invoke`, and every other path as well. */
export function createFront(
  deps: FrontDependencies,
  options: { host: string; port: number; debug: boolean },
): Front {
  const invoker = createInvoker(
    {
      authenticator: { cached: () => me, authenticate: () => Promise.resolve(me) },
      everyone: ({ triggerType }) => {
        deps.onArrival();
        return triggerType === undefined || triggerType === "http" ? me : eventPlane;
      },
      instances: deps.instances,
      clock: deps.clock,
      observer: {
        started: () => {},
        finished: () => {},
        record: () => {},
        access: deps.onRequest,
        onInternalError: () => {},
      },
    },
    { traceSampling: 0 },
  );
  let generation = 0;
  let routed: string | undefined;
  return {
    server: createProxyServer({ invoker }, { ...options, maxConnections: MAX_CONNECTIONS }),
    route(name, manifest, number) {
      if (routed !== undefined && routed !== name) invoker.remove(ORG, routed);
      routed = name;
      const timeoutMs = options.debug
        ? LONGEST_CALL_MS
        : (manifest?.resources.timeoutMs ?? DEFAULT_TIMEOUT_MS);
      const declared = manifest === undefined ? [] : triggerRoutes(manifest);
      const rest = { triggerId: "dev", path: "/*", methods: METHODS, auth: "required" as const };
      invoker.upsert({
        org: ORG,
        function: name,
        generation: ++generation,
        revisions: [
          {
            name: `${name}-${String(number).padStart(5, "0")}`,
            number,
            runtime: manifest?.runtime ?? "",
            timeoutMs,
            percent: 100,
          },
        ],
        routes: [...declared, ...(declared.some(({ path }) => path === "/*") ? [] : [rest])],
      });
    },
  };
}
