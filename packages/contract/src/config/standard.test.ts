import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { loadConfig } from "./load.ts";
import { configKeys } from "./registry.ts";

/** HIP-60, Configuration, word for word. */
const text = readFileSync(new URL("../../fixtures/hip-60.config.yaml", import.meta.url), "utf8");

/** HIP-60, Docker Development, word for word. */
const compose = {
  DATABASE_URL: "postgresql://hanzo:hanzo@postgres:5432/hanzo_functions",
  NATS_URL: "nats://nats:4222",
  KAFKA_BROKERS: "kafka:9092",
  OBJECT_STORAGE_URL: "http://minio:9000",
  GPU_POOL_ENABLED: "false",
};

/** HIP-60, Control Plane: what the Deployment sets. */
const deployment = {
  DATABASE_URL: "postgresql://hanzo@db/x",
  NATS_URL: "nats://nats-mq.hanzo.svc:4222",
  KAFKA_BROKERS: "insights-kafka-0.insights-kafka.hanzo.svc:9092",
};

describe("the configuration that HIP-60 prints", () => {
  it.each([
    ["the file alone", { text, env: {} }],
    ["the file with the compose environment", { text, env: compose }],
    ["the file with the Deployment's environment", { text, env: deployment }],
    ["the compose environment alone", { env: compose }],
  ])("starts with %s", (_, sources) => {
    expect(loadConfig(sources).problems).toEqual([]);
  });

  it("has its values where this release uses them", () => {
    const { config } = loadConfig({ text, env: compose });
    expect(config.database.url?.reveal()).toBe(compose.DATABASE_URL);
    expect(config.database.maxConnections).toBe(20);
    expect(config.runtimes.typescript).toEqual({
      ...{ image: "ghcr.io/hanzoai/fn-typescript:22", defaultTimeoutMs: 30_000, maxTimeoutMs: 300_000 },
    });
    expect(config.runtimes.python).toMatchObject({ defaultTimeoutMs: 60_000, maxTimeoutMs: 900_000 });
    expect(config.observability).toMatchObject({
      logLevel: "info",
      traceSampling: 0.1,
      metricsNamespace: "hanzo_fn",
    });
  });

  it("warns exactly once for each key that has no effect yet", () => {
    const { warnings } = loadConfig({ text, env: { ...compose, GPU_POOL_ENABLED: "", NATS_PASSWORD: "x" } });
    const warned = warnings.map((item) => item.path).sort();
    const printed = configKeys()
      .filter((key) => !key.effective)
      .filter((key) => /^(triggers|gpu_pool|snapshots|runtimes|storage\.url)/.test(key.path))
      .map((key) => key.path)
      .filter((path) => !/^runtimes\.(go|typescript)\.gpu_image$/.test(path));
    const images = ["python", "go", "rust", "typescript"].map((name) => `runtimes.${name}.image`);
    expect(warned).toEqual([...printed, ...images, "knative.domain", "knative.namespace"].sort());
  });

  it("has neither a GPU pool nor snapshots without a file", () => {
    const off = configKeys().filter((key) => ["gpu_pool.enabled", "snapshots.enabled"].includes(key.path));
    expect(off.map((key) => key.entry.fallback)).toEqual([false, false]);
  });
});
