// Unit tests of {{name}}: hanzo-fn test.
import { strict as assert } from "node:assert";
import { test } from "node:test";
import { createTestPlatform } from "@hanzo/functions/testing";
import { fulfil } from "./handler.ts";

const order = { order: "o-1", sku: "rye-bread", quantity: 2 };

test("a message that comes twice is fulfilled once", async () => {
  const platform = createTestPlatform();
  for (let i = 0; i < 2; i++) {
    const answer = await platform.invoke(fulfil, { batch: [{ id: "mq:1", data: order }] });
    assert.deepEqual([answer.status, answer.json], [200, { results: [{ id: "mq:1" }] }]);
  }
  const sent = platform.published.map(({ subject, data }) => [subject, data]);
  assert.deepEqual(sent, [["mq.shipping.request", order]]);
});

test("only what failed is told to come again", async () => {
  const platform = createTestPlatform();
  await platform.kv.set("hold:salt", "recall");
  const batch = [
    { id: "mq:1", data: order },
    { id: "mq:2", data: { ...order, sku: "salt" } },
    { id: "mq:3", data: { order: 7 } },
  ];
  const { json } = await platform.invoke(fulfil, { batch });
  const { results } = json as { results: { id: string; error?: { kind: string } }[] };
  const kinds = results.map(({ id, error }) => [id, error?.kind]);
  assert.deepEqual(kinds, [
    ["mq:1", undefined],
    ["mq:2", "transient"],
    ["mq:3", "permanent"],
  ]);
});

test("refuses what is no batch", async () => {
  assert.equal((await createTestPlatform().invoke(fulfil, { data: order })).status, 400);
});
