// Needs @hanzo/functions beside it; the platform itself provides the package to deployed code.
import { strict as assert } from "node:assert";
import { test } from "node:test";
import { Context } from "@hanzo/functions";
import { handle } from "./handler.ts";

test("greets by name", async () => {
  const response = await handle(new Context({ data: { name: "Ada" } }));
  assert.equal(response.status, 200);
  assert.deepEqual(response.body, { message: "Hello, Ada!" });
});
