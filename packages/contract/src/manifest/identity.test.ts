import { describe, expect, it } from "vitest";
import { toCanonicalJson, toCanonicalYaml } from "./canonical.ts";
import { canonicalJson, manifestIdentity, revisionIdentity } from "./identity.ts";
import { parseManifest } from "./parse.ts";
import { TRIGGER_KINDS } from "./triggers/index.ts";
import type { Manifest } from "./types.ts";

const TEXT = `name: f
runtime: python
version: 1.0.0
entry: handler.run
description: first
resources: {cpu: 1500m, memory: 1.5Gi, gpu: 2, timeout: 90s, concurrency: 3}
triggers:
  - {type: http, path: /a, rate_limit: 5/h, cors: {origins: ["*"]}}
environment: {B: "2", A: "1"}
secrets: [{name: s, env: S}, {name: t, env: T}]
network: {egress: ["https://a.example"]}
`;

function read(text: string): Manifest {
  const result = parseManifest(text, { gpuPool: true });
  if (!result.ok) throw new Error(JSON.stringify(result.error.details));
  return result.manifest;
}

const SOURCE = "aa".repeat(32);
const ID = revisionIdentity(read(TEXT), SOURCE);

describe("the identity of a revision", () => {
  it("is a SHA-256 that does not depend on the order of keys, files or secrets", () => {
    expect(ID).toMatch(/^[0-9a-f]{64}$/);
    const shuffled = TEXT.replace('{B: "2", A: "1"}', '{A: "1", B: "2"}').replace(
      "[{name: s, env: S}, {name: t, env: T}]",
      "[{env: T, name: t}, {env: S, name: s}]",
    );
    expect(revisionIdentity(read(shuffled), SOURCE)).toBe(ID);
  });

  it.each([
    ["the name", "name: f", "name: g"],
    ["the description", "first", "second"],
    ["scaling", "triggers:", "scaling: {max_instances: 3}\ntriggers:"],
    ["triggers", "path: /a", "path: /b"],
    ["network", "https://a.example", "https://b.example"],
    ["another spelling of the same value", "1.5Gi", "1536Mi"],
    ["another spelling of a duration", "90s", "1m30s"],
    ["another spelling of the GPU", "gpu: 2", 'gpu: "nvidia.com/gpu: 2"'],
  ])("does not change with %s", (_, from, to) => {
    expect(revisionIdentity(read(TEXT.replace(from, to)), SOURCE)).toBe(ID);
  });

  it.each([
    ["runtime", "runtime: python", "runtime: typescript"],
    ["version", "1.0.0", "1.0.1"],
    ["entry", "handler.run", "handler.stop"],
    ["cpu", "1500m", "1400m"],
    ["memory", "1.5Gi", "1Gi"],
    ["gpu", "gpu: 2", "gpu: 1"],
    ["timeout", "90s", "91s"],
    ["concurrency", "concurrency: 3", "concurrency: 4"],
    ["environment", 'A: "1"', 'A: "3"'],
    ["secret names", "name: s,", "name: u,"],
    ["secret variables", "env: S}", "env: U}"],
  ])("changes with %s", (_, from, to) => {
    expect(revisionIdentity(read(TEXT.replace(from, to)), SOURCE)).not.toBe(ID);
  });

  it("changes with the digest of the source", () => {
    expect(revisionIdentity(read(TEXT), "ab".repeat(32))).not.toBe(ID);
  });

  it("holds only the revision's own fields", () => {
    expect(Object.keys(JSON.parse(manifestIdentity(read(TEXT))) as object)).toEqual([
      "entry",
      "environment",
      "resources",
      "runtime",
      "secrets",
      "version",
    ]);
  });
});

describe("canonicalJson", () => {
  it("sorts keys at every depth and leaves absent values out", () => {
    expect(canonicalJson({ b: [{ d: 1, c: undefined, a: null }], a: "x" })).toBe(
      '{"a":"x","b":[{"a":null,"d":1}]}',
    );
  });
});

describe("the canonical manifest", () => {
  it("writes the standard's forms", () => {
    expect(toCanonicalJson(read(TEXT))).toMatchObject({
      resources: { cpu: "1500m", memory: "1536Mi", gpu: "nvidia.com/gpu: 2", timeout: "90s", concurrency: 3 },
      triggers: [{ rate_limit: "5/hour", cors: { max_age: "10m" } }],
    });
  });

  it("is the same manifest when it is read again", () => {
    const manifest = read(TEXT);
    expect(read(toCanonicalYaml(manifest))).toEqual(manifest);
  });

  it.each([
    [
      "mq",
      {
        source: "mq.a.b",
        consumer_group: "g",
        dead_letter: "mq.dead.x",
        max_concurrency: 3,
        retry: { attempts: 2 },
      },
    ],
    ["stream", { topic: "t", ordering: "key", start_offset: "earliest" }],
    ["cron", { schedule: "@every 10s", payload: "[1]", jitter: "1500ms", at_most_once: true }],
    ["inference", { models: ["m"], event_types: ["failed"], min_tokens: 0 }],
  ] as const)("prints an %s trigger so that it reads back the same", (type, fields) => {
    const kind = TRIGGER_KINDS[type];
    const trigger = kind.read(kind.schema().parse({ type, ...fields }));
    expect(kind.read(kind.schema().parse(kind.print(trigger)))).toEqual(trigger);
  });
});
