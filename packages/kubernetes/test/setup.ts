import { Secret } from "@hanzo-fn/contract";
import { systemClock } from "@hanzo-fn/lifecycle";
import { recordingLog } from "@hanzo-fn/testkit";
import {
  type ClusterAccess,
  createKubernetes,
  type Kind,
  type KubernetesOptions,
  type KubeObject,
} from "../src/index.ts";
import { startFakeApiServer } from "./fake-apiserver.ts";

export interface Thing extends KubeObject {
  readonly spec?: { readonly color?: string };
}
export const THINGS: Kind<Thing> = {
  apiVersion: "test/v1",
  kind: "Thing",
  plural: "things",
  namespaced: true,
};
/** A neighbour, which must not notice what happens to the other. */
export const OTHERS: Kind<Thing> = { ...THINGS, plural: "others" };

export const TOKEN = "hunter2-token-of-the-test";

export function fixedAccess(url: string, more: Partial<ClusterAccess> = {}): ClusterAccess {
  return {
    server: new URL(url),
    skipTlsVerify: false,
    namespace: "acme",
    headers: {},
    credentials: {
      current: () => Promise.resolve({ authorization: new Secret(`Bearer ${TOKEN}`) }),
      renew: () => false,
    },
    origin: "the test's own",
    ...more,
  };
}

/** A client, the server that it speaks to, and a signal that ends with them. */
export async function clientAndServer(options: KubernetesOptions = {}, more: Partial<ClusterAccess> = {}) {
  const server = await startFakeApiServer();
  const log = recordingLog();
  const kubernetes = createKubernetes(
    { config: fixedAccess(server.url, more), clock: systemClock, log },
    options,
  );
  const ending = new AbortController();
  return {
    server,
    kubernetes,
    log,
    signal: ending.signal,
    async [Symbol.asyncDispose]() {
      ending.abort();
      kubernetes.close();
      await server.stop();
    },
  };
}
