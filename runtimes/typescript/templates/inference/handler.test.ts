// Unit tests of {{name}}: hanzo-fn test.
import { strict as assert } from "node:assert";
import { test } from "node:test";
import { createTestPlatform, type TestPlatform } from "@hanzo/functions/testing";
import { watch } from "./handler.ts";

process.env["TOKEN_LIMIT"] = "5000";

const use = (platform: TestPlatform, id: string, tokens: number) =>
  platform.invoke(watch, {
    data: { id, timestamp: "2026-03-01T10:00:00.000Z", data: { model: "zen-7b", total_tokens: tokens } },
  });

test("adds up each event once", async () => {
  const platform = createTestPlatform();
  for (const id of ["evt_1", "evt_1"]) await use(platform, id, 1200);
  const answer = await use(platform, "evt_2", 1200);
  assert.deepEqual([answer.status, answer.json], [200, { model: "zen-7b", total: 2400 }]);
  assert.deepEqual(platform.published, []);
});

test("alerts once over the limit", async () => {
  const platform = createTestPlatform();
  for (const id of ["evt_1", "evt_2", "evt_3"]) await use(platform, id, 3000);
  const sent = platform.published.map(({ subject, data }) => [subject, data]);
  assert.deepEqual(sent, [["mq.alerts.tokens", { model: "zen-7b", day: "2026-03-01", total: 6000 }]]);
});
