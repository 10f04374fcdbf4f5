import type { FunctionLogEntry } from "@hanzo-fn/contract";
import { systemClock } from "@hanzo-fn/lifecycle";
import { createTestDatabase, recordingLog, type TestDatabase } from "@hanzo-fn/testkit";
import { openStore, type NewFunction, type NewRevision, type Store, type StoreOptions } from "./index.ts";

export const NOW = new Date("2026-01-02T03:04:05.678Z");
export const LATER = new Date("2026-01-02T04:00:00.000Z");

export interface TestStore extends AsyncDisposable {
  readonly store: Store;
  readonly database: TestDatabase;
}

export async function testStore(options: Partial<StoreOptions> = {}): Promise<TestStore> {
  const database = await createTestDatabase();
  const store = await openStore({ database, log: recordingLog(), clock: systemClock, ...options });
  return {
    store,
    database,
    async [Symbol.asyncDispose]() {
      await store.close();
      await database[Symbol.asyncDispose]();
    },
  };
}

export const aFunction = (name: string, more: Partial<NewFunction> = {}): NewFunction => ({
  org: "acme",
  name,
  manifest: { name, triggers: [{ type: "http", rate_limit: "10/s" }] },
  description: "",
  scaling: { minInstances: 0, maxInstances: 10, targetConcurrency: 1, scaleDownDelayMs: 30_000 },
  network: {},
  trafficMode: "latest",
  ...more,
});

export const aRevision = (fn: string, number: number, more: Partial<NewRevision> = {}): NewRevision => ({
  org: "acme",
  function: fn,
  number,
  identity: `identity-${number}`,
  sourceDigest: `digest-${number}`,
  version: "1.0.0",
  runtime: "python3.12",
  entry: "handler.py:main",
  resources: { cpuMillis: 250, memoryBytes: 268_435_456, timeoutMs: 60_000, concurrency: 10 },
  environment: { LOG_LEVEL: "debug" },
  secrets: { API_TOKEN: "api-token" },
  ...more,
});

export const aLine = (msg: string, more: Partial<FunctionLogEntry> = {}): FunctionLogEntry => ({
  tsMs: NOW.getTime(),
  level: "info",
  msg,
  org: "acme",
  function: "f",
  revision: "f-00001",
  instance: "fn-f-00001-deployment-1",
  stream: "stdout",
  ...more,
});
