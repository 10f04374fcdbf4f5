// Unit tests of {{name}}: hanzo-fn test.
import { strict as assert } from "node:assert";
import { test } from "node:test";
import { createTestPlatform, type TestPlatform } from "@hanzo/functions/testing";
import { report } from "./handler.ts";

const due = "2026-03-01T05:00:00.000Z";

const fire = (platform: TestPlatform) =>
  platform.invoke(report, {
    data: { regions: ["eu", "us"] },
    trigger: { type: "cron", source: "0 6 * * *", timestamp: due },
  });

test("reports the orders of each region", async () => {
  const platform = createTestPlatform();
  await platform.kv.set("orders:eu", 3);
  assert.deepEqual((await fire(platform)).json, { due, new: true });
  assert.deepEqual(await platform.kv.getJson(`report:${due}`), { eu: 3, us: 0 });
});

test("a run that is tried again leaves the report as it is", async () => {
  const platform = createTestPlatform();
  await platform.kv.set(`report:${due}`, "written before");
  assert.deepEqual((await fire(platform)).json, { due, new: false });
  assert.equal(await platform.kv.get(`report:${due}`), "written before");
});

test("asks for regions", async () => {
  assert.equal((await createTestPlatform().invoke(report, { data: {} })).status, 400);
});
