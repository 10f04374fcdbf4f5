import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseManifest } from "./parse.ts";
import { manifestSchema } from "./schema.ts";
import { readYaml } from "../document/read.ts";

const manifest = readFileSync(new URL("../../fixtures/hip-60.function.yaml", import.meta.url), "utf8");

/** The blocks of HIP-60, Trigger Specification and Secret Management, word for word. */
const BLOCKS = {
  http: `triggers:
  - type: http
    path: /v1/functions/my-function
    methods: [GET, POST]
    auth: required  # "required" (default), "optional", "none"
    rate_limit: 100/min  # Per-API-key rate limit
`,
  mq: `triggers:
  - type: mq
    source: mq.batch.embeddings
    consumer_group: fn-embed-document
    batch_size: 1  # Messages per invocation (default: 1)
    max_batch_wait: 5s  # Max wait to fill batch
`,
  stream: `triggers:
  - type: stream
    topic: llm_usage
    consumer_group: fn-usage-aggregator
    batch_size: 100  # Events per invocation
    max_batch_wait: 10s
    start_offset: latest  # "latest" or "earliest"
`,
  cron: `triggers:
  - type: cron
    schedule: "0 */6 * * *"  # Every 6 hours (standard cron syntax)
    timezone: UTC
    payload: '{"type": "full_reconcile"}'
`,
  inference: `triggers:
  - type: inference
    models: [zen-7b, zen-14b]  # Filter by model
    event_types: [completed, failed]  # Filter by outcome
    min_tokens: 1000  # Filter by token count
`,
};
const SECRETS = `secrets:
  - name: hanzo-api-key  # KMS secret name
    env: HANZO_API_KEY  # Environment variable name in function
  - name: db-connection-string
    env: DATABASE_URL
`;
const HEAD = "name: my-function\nruntime: typescript\nversion: 1.0.0\nentry: handler.webhook\n";

describe("the manifests that HIP-60 prints", () => {
  it("accepts the example manifest, but for what this build and platform do not serve", () => {
    const result = parseManifest(manifest);
    const details = result.ok ? [] : result.error.details;
    expect(details?.map((item) => [item.path, item.error])).toEqual([["resources.gpu", "gpu_unavailable"]]);
  });

  it("has no problem in the example manifest by the schema alone", () => {
    expect(manifestSchema().safeParse(readYaml(manifest, { maxBytes: 10_000 }).value).success).toBe(true);
  });

  it("reads the example without its GPU", () => {
    const text = manifest.replace(/^ {2}gpu:.*\n/m, "");
    const result = parseManifest(text);
    expect(result.ok ? result.manifest : result.error.details).toEqual({
      name: "embed-document",
      runtime: "python",
      version: "1.0.0",
      entry: "handler.embed",
      description: "Generate embeddings for uploaded documents",
      resources: { cpuMillis: 500, memoryBytes: 2 ** 30, timeoutMs: 300_000, concurrency: 4 },
      scaling: { minInstances: 0, maxInstances: 20, targetConcurrency: 1, scaleDownDelayMs: 300_000 },
      triggers: [
        {
          ...{ type: "mq", source: "mq.batch.embeddings", consumerGroup: "fn-embed-document" },
          ...{ batchSize: 1, maxBatchWaitMs: 5000, maxEventAgeMs: 86_400_000, partialResponse: false },
          ...{ ordering: "none" },
          retry: { on4xx: "retry", backoff: { initialMs: 1000, maxMs: 60_000, multiplier: 2 } },
        },
        { type: "http", path: "/v1/functions/embed-document", methods: ["POST"], auth: "required" },
        {
          ...{ type: "cron", schedule: "0 2 * * *", timezone: "UTC", payload: '{"mode": "reindex"}' },
          ...{ overlap: "skip", catchup: "last", catchupWindowMs: 3_600_000, jitterMs: 0, atMostOnce: false },
          retry: { on4xx: "retry", backoff: { initialMs: 1000, maxMs: 60_000, multiplier: 2 } },
        },
      ],
      environment: { MODEL_NAME: "bge-large-en-v1.5", BATCH_SIZE: "32" },
      secrets: [{ name: "hanzo-api-key", env: "HANZO_API_KEY" }],
      network: { egress: [] },
    });
  });

  it.each(Object.entries(BLOCKS))("accepts the block of the %s trigger", (type, block) => {
    const result = parseManifest(HEAD + block + SECRETS);
    expect(result.ok ? result.manifest.triggers[0]?.type : result.error.details).toBe(type);
  });
});
