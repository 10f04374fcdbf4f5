// Unit tests of {{name}}: hanzo-fn test.
import { strict as assert } from "node:assert";
import { test } from "node:test";
import { createTestPlatform } from "@hanzo/functions/testing";
import { answer } from "./handler.ts";

const platform = createTestPlatform();

test("streams one event a token and says when it is done", async () => {
  const { status, headers, pieces } = await platform.invoke(answer, { data: { prompt: "two words" } });
  assert.deepEqual([status, headers.get("content-type")], [200, "text/event-stream"]);
  assert.equal(pieces.length, 5);
  assert.match(pieces[0] ?? "", /"delta"/);
  assert.match(pieces.at(-1) ?? "", /^event: done\n/);
});

test("asks for a prompt", async () => {
  assert.equal((await platform.invoke(answer, { data: {} })).status, 400);
});
