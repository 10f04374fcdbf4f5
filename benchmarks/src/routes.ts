import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { FunctionRoutes } from "@hanzo-fn/contract";
import { createRateLimiter, createRouteTable } from "@hanzo-fn/invoke-proxy";
import { machine } from "./machine.ts";
import { atMost, round, type Suite, type SuiteResult } from "./suite.ts";

const FUNCTIONS = 5000;
const LOOKUPS = 500_000;
const UPDATES = 5000;

/** Two routes each, every tenth of them a wildcard, the others exact; a rate limit on each. */
function functionRoutes(i: number, generation: number): FunctionRoutes {
  const name = `function-${i}`;
  const limit = { count: 100, windowMs: 60_000 };
  const route = (suffix: string, path: string) =>
    ({
      triggerId: `trg_${i}${suffix}`,
      path,
      methods: ["GET", "POST"],
      auth: "required",
      rateLimit: limit,
    }) as const;
  return {
    org: `org-${i % 100}`,
    function: name,
    generation,
    revisions: [1, 2].map((number) => ({
      name: `${name}-0000${number}`,
      number,
      runtime: "python",
      timeoutMs: 60_000,
      percent: 50,
    })),
    routes: [
      route("a", `/v1/functions/${name}`),
      route("b", i % 5 === 0 ? `/api/${name}/items/*` : `/api/${name}/items`),
    ],
  };
}

function percentile(values: Float64Array, share: number): number {
  return values.toSorted()[Math.min(values.length - 1, Math.floor(values.length * share))] ?? Number.NaN;
}

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

function heapBytes(): number {
  collect();
  return process.memoryUsage().heapUsed;
}

async function run(signal: AbortSignal): Promise<SuiteResult> {
  const conditions = machine();
  const before = heapBytes();
  const table = createRouteTable({ limiter: createRateLimiter({ maxKeys: 100_000 }) });
  for (let i = 0; i < FUNCTIONS; i++) table.upsert(functionRoutes(i, 1));
  const routes = FUNCTIONS * 2;
  const bytesEach = (heapBytes() - before) / routes;

  const paths = Array.from({ length: 1000 }, (_, k) => {
    const i = (k * 7919) % FUNCTIONS;
    if (k % 2 === 0) return `/v1/functions/function-${i}`;
    return `/api/function-${i}/items${i % 5 === 0 ? "/some/deeper/item" : ""}`;
  });
  let found = 0;
  const lookUp = (count: number): number => {
    const began = performance.now();
    // A slice, as the parser makes them: a string that has been looked up before carries its hash.
    for (let i = 0; i < count; i++) if (table.find(` ${paths[i % 1000]}`.slice(1))) found++;
    return ((performance.now() - began) / count) * 1000;
  };
  lookUp(LOOKUPS / 5);
  const matchUs = lookUp(LOOKUPS);
  if (found !== LOOKUPS * 1.2) throw new Error(`only ${found} of ${LOOKUPS * 1.2} look-ups found a route`);
  signal.throwIfAborted();

  const updatesMs = new Float64Array(UPDATES);
  for (let i = 0; i < UPDATES; i++) {
    const change = functionRoutes((i * 7919) % FUNCTIONS, i + 2);
    const began = performance.now();
    table.upsert(change);
    updatesMs[i] = performance.now() - began;
  }
  const p99UpdateMs = percentile(updatesMs, 0.99);
  return {
    suite: "routes",
    conditions: { ...conditions, routes, functions: FUNCTIONS, lookups: LOOKUPS, updates: UPDATES },
    rows: [
      {
        routes,
        match_us: round(matchUs),
        update_p50_ms: round(percentile(updatesMs, 0.5)),
        update_p99_ms: round(p99UpdateMs),
        bytes_per_route: Math.round(bytesEach),
      },
    ],
    targets: [
      atMost("match, us (mean)", 5, matchUs),
      atMost("update, ms (p99)", 1, p99UpdateMs),
      atMost("memory per route, bytes", 4096, bytesEach),
    ],
  };
}

export const routesSuite: Suite = {
  name: "routes",
  description: "the route table at 10,000 routes: match, update, memory",
  run,
};
