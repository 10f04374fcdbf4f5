import { Secret } from "@hanzo-fn/contract";
import { type Clock, systemClock } from "@hanzo-fn/lifecycle";
import { type KubernetesApi, needsKubernetesApi, recordingLog, startKubernetesApi } from "@hanzo-fn/testkit";
import { afterAll, beforeAll, beforeEach } from "vitest";
import { createKubernetes, type Kubernetes, type KubernetesOptions } from "../src/index.ts";
import { NAMESPACES } from "./kinds.ts";
import { fixedAccess } from "./setup.ts";

let running: KubernetesApi | undefined;

/** One API server for a file of tests, which are skipped where there is none. */
export function useRealServer(): void {
  beforeEach((ctx) => needsKubernetesApi(ctx));
  beforeAll(async () => {
    running = await startKubernetesApi().catch((error: unknown) => {
      if (String(error).includes("is not built")) return undefined;
      throw error;
    });
  }, 120_000);
  afterAll(async () => running?.[Symbol.asyncDispose]());
}

export function realServer(): KubernetesApi {
  if (!running) throw new Error("no API server runs");
  return running;
}

interface ClientSettings {
  readonly token?: string;
  readonly port?: number;
  readonly clock?: Clock;
}

/** A client of the administrator's, or of `token`'s, that reaches the server at its own port or at another. */
export function clientOf(options: KubernetesOptions & ClientSettings = {}) {
  const { url, ca, adminToken } = realServer();
  const address = new URL(url);
  if (options.port !== undefined) address.port = String(options.port);
  const authorization = new Secret(`Bearer ${options.token ?? adminToken}`);
  const credentials = { current: () => Promise.resolve({ authorization }), renew: () => false };
  const log = recordingLog();
  const config = fixedAccess(address.href, { ca, credentials });
  const kubernetes = createKubernetes({ config, clock: options.clock ?? systemClock, log }, options);
  const ending = new AbortController();
  return {
    kubernetes,
    log,
    signal: ending.signal,
    [Symbol.dispose]() {
      ending.abort();
      kubernetes.close();
    },
  };
}

let made = 0;

/** Tests do not see each other's objects. */
export async function newNamespace(kubernetes: Kubernetes, signal: AbortSignal): Promise<string> {
  const name = `test-${process.pid}-${++made}`;
  await kubernetes.create(
    NAMESPACES,
    { apiVersion: "v1", kind: "Namespace", metadata: { name } },
    {},
    signal,
  );
  return name;
}
