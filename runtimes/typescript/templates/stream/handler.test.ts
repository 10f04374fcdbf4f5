// Unit tests of {{name}}: hanzo-fn test.
import { strict as assert } from "node:assert";
import { test } from "node:test";
import { createTestPlatform } from "@hanzo/functions/testing";
import { aggregate } from "./handler.ts";

const view = (partition: number, offset: number, page: string) => ({
  id: `kafka:page_views:${partition}:${offset}`,
  data: { data: { page } },
});

test("counts by page and partition", async () => {
  const platform = createTestPlatform();
  const batch = [view(0, 7, "/bread"), view(0, 8, "/bread"), view(1, 3, "/bread")];
  await platform.invoke(aggregate, { batch });
  assert.deepEqual(await platform.kv.getJson("views:/bread:0"), { views: 2, offset: 8 });
  assert.deepEqual(await platform.kv.getJson("views:/bread:1"), { views: 1, offset: 3 });
});

test("an event that comes again is not counted again", async () => {
  const platform = createTestPlatform();
  await platform.invoke(aggregate, { batch: [view(0, 7, "/bread")] });
  await platform.invoke(aggregate, { batch: [view(0, 7, "/bread"), view(0, 8, "/bread")] });
  assert.deepEqual(await platform.kv.getJson("views:/bread:0"), { views: 2, offset: 8 });
});

test("an event without a page is passed over", async () => {
  const batch = [{ id: "kafka:page_views:0:1", data: "noise" }];
  const answer = await createTestPlatform().invoke(aggregate, { batch });
  assert.deepEqual([answer.status, answer.json], [200, { counts: {} }]);
});
