// Unit tests of {{name}}: hanzo-fn test.
import { strict as assert } from "node:assert";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { createTestPlatform } from "@hanzo/functions/testing";
import { receive } from "./handler.ts";

const platform = createTestPlatform();
const secret = "test-secret";
process.env["WEBHOOK_SECRET"] = secret;

const signature = (body: string): string =>
  `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;
const body = '{"type": "order.paid"}';

test("takes what is signed", async () => {
  const headers = { "content-type": "application/json", "x-signature": signature(body) };
  const answer = await platform.invoke(receive, { body, headers });
  assert.deepEqual([answer.status, answer.json], [200, { received: "order.paid" }]);
});

test("refuses what was changed on the way, and what is not signed", async () => {
  const headers = { "content-type": "application/json", "x-signature": signature(body) };
  const changed = await platform.invoke(receive, { body: body.replace("paid", "sent"), headers });
  assert.equal(changed.status, 401);
  assert.equal((await platform.invoke(receive, { data: { type: "order.paid" } })).status, 401);
});
