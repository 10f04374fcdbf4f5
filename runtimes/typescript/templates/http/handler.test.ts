// Unit tests of {{name}}: hanzo-fn test.
import { strict as assert } from "node:assert";
import { test } from "node:test";
import { createTestPlatform } from "@hanzo/functions/testing";
import { hello } from "./handler.ts";

const platform = createTestPlatform();

test("greets by name", async () => {
  const answer = await platform.invoke(hello, { data: { name: "Ada" } });
  assert.equal(answer.status, 200);
  assert.match(answer.text, /, Ada!"\}$/);
  assert.deepEqual(platform.logs[0]?.fields, { name: "Ada" });
});

test("greets the world without a name", async () => {
  const answer = await platform.invoke(hello);
  assert.match(answer.text, /, world!"\}$/);
});
