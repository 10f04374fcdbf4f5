import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Manifest, parseManifest } from "@hanzo-fn/contract";
import { tempDir } from "@hanzo-fn/testkit";
import { expect, test } from "vitest";
import { exampleOf, readSamples, type Samples } from "./examples.ts";

const NOW = "2026-01-01T00:00:00.000Z";

function manifestWith(triggers: string): Manifest {
  const text = `name: tried\nruntime: python\nversion: 0.1.0\nentry: handler.f\ntriggers:\n${triggers}`;
  const result = parseManifest(text, { simulated: true });
  if (!result.ok) throw result.error;
  return result.manifest;
}

function example(trigger: string, samples: Samples = {}) {
  const manifest = manifestWith(`  - ${trigger}\n`);
  return exampleOf(manifest, manifest.triggers[0] as Manifest["triggers"][number], samples, NOW);
}

test("HTTP: POST where the trigger takes it, else its first method, with the data as query where there is no body", () => {
  const samples = { http: { data: { name: "Ada" }, headers: { "X-Signature": "s" } } };
  expect(example("{type: http, path: /hooks/*, methods: [GET, POST]}", samples)).toEqual({
    title: "POST /hooks/",
    method: "POST",
    path: "/hooks/",
    headers: { "content-type": "application/json", "X-Signature": "s" },
    body: '{"name":"Ada"}',
  });
  expect(example("{type: http, path: /a, methods: [GET]}", samples)).toMatchObject({
    method: "GET",
    path: "/a?name=Ada",
    body: undefined,
  });
});

test("events carry the headers of the event plane and an id of their source", () => {
  const mq = example("{type: mq, source: 'mq.a.>'}", { mq: { data: [1] } });
  expect(mq).toMatchObject({ path: "/v1/functions/tried/invoke", body: "[1]" });
  expect(mq.headers).toMatchObject({
    "x-function-trigger": "mq",
    "x-function-trigger-source": "mq.a.example",
    "x-function-trigger-timestamp": NOW,
    "x-function-attempt": "1",
    "content-type": "application/json",
  });
  const stream = example("{type: stream, topic: billing_events, batch_size: 3}");
  expect(stream.headers["content-type"]).toBe("application/vnd.hanzo.batch+json");
  expect(JSON.parse(stream.body ?? "")).toMatchObject({
    items: [{ source: "billing_events", attempt: 1, data: {} }, { timestamp: NOW }],
  });
  expect(example(`{type: cron, schedule: "@daily", payload: '{"a": 1}'}`)).toMatchObject({
    title: "cron @daily",
    body: '{"a":1}',
  });
  const usage = example(
    "{type: inference, batch_size: 1, models: [zen-7b], event_types: [failed], min_tokens: 5000}",
  );
  expect(JSON.parse(usage.body ?? "")).toMatchObject({
    type: "llm.usage.failed",
    data: { model: "zen-7b", total_tokens: 5000, prompt_tokens: 150, completion_tokens: 4850 },
  });
});

test("items are those of a batch, and the first of them is the event where there are no batches", () => {
  const samples = { mq: { items: ["a", "b", "c"] } };
  const batch = (trigger: string): unknown => {
    const { headers, body } = example(trigger, samples);
    expect(headers["content-type"]).toBe("application/vnd.hanzo.batch+json");
    const { items } = JSON.parse(body ?? "") as { items: { id: string; data: unknown }[] };
    return items.map(({ id, data }) => [id, data]);
  };
  const first = Date.parse(NOW);
  expect(batch("{type: mq, source: mq.a.b, batch_size: 2}")).toEqual([
    [`mq:example:${first}`, "a"],
    [`mq:example:${first + 1}`, "b"],
  ]);
  expect(batch("{type: mq, source: mq.a.b, partial_response: true}")).toEqual([[`mq:example:${first}`, "a"]]);
  expect(example("{type: mq, source: mq.a.b}", samples)).toMatchObject({
    headers: { "idempotency-key": `mq:example:${first}` },
    body: '"a"',
  });
});

test("events of a stream come as a list, be it of one, each with its offset", () => {
  const { body } = example("{type: stream, topic: page_views, batch_size: 1}");
  expect(JSON.parse(body ?? "")).toMatchObject({
    items: [{ id: `kafka:page_views:0:${Date.parse(NOW)}`, data: {} }],
  });
});

test("example.json that is not what it should be is refused with the form it has", async () => {
  await using dir = await tempDir("hfn-samples-");
  expect(await readSamples(dir.path)).toEqual({});
  for (const [text, message] of [
    ["{", "does not parse"],
    ['{"http": 1}', "holds an object by trigger type"],
    ['{"mq": {"items": 1}}', "has a list, that is not empty, as `items`"],
    ['{"mq": {"items": []}}', "has a list, that is not empty, as `items`"],
  ] as const) {
    writeFileSync(join(dir.path, "example.json"), text);
    await expect(readSamples(dir.path)).rejects.toThrow(message);
  }
});
