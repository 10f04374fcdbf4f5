import { createAuthenticator, createDevIssuer } from "@hanzo-fn/auth";
import type { Instances, Lease, Target } from "@hanzo-fn/engine";
import { createInvoker, createProxyServer } from "@hanzo-fn/invoke-proxy";
import { systemClock } from "@hanzo-fn/lifecycle";
import { createInvocationMetrics, createRegistry, silentLogger } from "@hanzo-fn/telemetry";
import { writeFileSync } from "node:fs";

/**
 * The proxy as it serves: tokens verified by the real authenticator, a rate limit, metrics, all headers. Only the
 * engine is a stand-in that always has a slot at one address, since the upstream of the suite is the same for all.
 * Arguments: port, upstream port, file for the token.
 */
const [port = 0, upstreamPort = 0] = process.argv.slice(2, 4).map(Number);
const tokenFile = process.argv[4] ?? "";

let running = 0;
const target: Target = {
  instance: "fn-hello-00001-local-bench",
  address: { kind: "tcp", host: "127.0.0.1", port: upstreamPort },
  gone: new AbortController().signal,
};
const lease = (): Lease => {
  running++;
  const release = (): void => void running--;
  return {
    target,
    coldStart: undefined,
    release,
    expire: () => undefined,
    diagnose: () => Promise.reject(new Error("the upstream of the benchmark broke")),
    [Symbol.dispose]: release,
  };
};
const instances: Instances = { tryAcquire: () => lease(), acquire: () => Promise.resolve(lease()) };

const issuer = await createDevIssuer({
  clock: systemClock,
  loadKey: () => Promise.resolve(undefined),
  saveKey: (key) => Promise.resolve(key),
});
const authenticator = createAuthenticator(
  {
    clock: systemClock,
    fetch,
    log: silentLogger,
    findApiKey: () => Promise.resolve(undefined),
  },
  { issuers: [], localIssuers: [issuer.rules] },
);
const metrics = createInvocationMetrics(createRegistry("hanzo_fn"));
const invoker = createInvoker({
  authenticator,
  instances,
  clock: systemClock,
  observer: {
    started: (org, functionName) => metrics.started(org, functionName),
    finished: (org, functionName) => metrics.finished(org, functionName),
    record: (record) => metrics.record(record),
    access: () => undefined,
    onInternalError: (error) => process.stderr.write(`${String(error.cause)}\n`),
  },
});
invoker.upsert({
  org: "acme",
  function: "hello",
  generation: 1,
  revisions: [
    { name: "hello-00001", number: 1, runtime: "go", timeoutMs: 60_000, percent: 90 },
    { name: "hello-00002", number: 2, runtime: "go", timeoutMs: 60_000, percent: 10 },
  ],
  routes: [
    {
      triggerId: "trg_01HQ3X7K8M2N4P5R6S7T8U9V0W",
      path: "/v1/functions/hello",
      methods: ["GET", "POST"],
      auth: "required",
      rateLimit: { count: 1_000_000_000, windowMs: 60_000 },
    },
  ],
});
writeFileSync(
  tokenFile,
  await issuer.issue({ org: "acme", subject: "bench", permissions: ["functions:invoke"], ttlMs: 3_600_000 }),
);
await createProxyServer({ invoker }, { host: "127.0.0.1", port }).start(new AbortController().signal);
process.once("SIGTERM", () => process.exit(0));
