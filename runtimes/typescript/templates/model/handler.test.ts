// Unit tests of {{name}}: hanzo-fn test.
import { strict as assert } from "node:assert";
import { test } from "node:test";
import { createTestPlatform } from "@hanzo/functions/testing";
import { embed } from "./handler.ts";

process.env["MODEL_NAME"] = "test-model";
// Stands in for the model: no file is read.
const encode = (text: string | readonly string[]) => [new Float32Array([text.length, 0.5])];
const platform = createTestPlatform({ models: { "test-model": { encode } } });

test("answers the embedding of the text", async () => {
  const answer = await platform.invoke(embed, { data: { text: "bread" } });
  assert.deepEqual([answer.status, answer.json], [200, { embedding: [5, 0.5], dimensions: 2 }]);
});

test("asks for a text", async () => {
  assert.equal((await platform.invoke(embed, { data: {} })).status, 400);
});
