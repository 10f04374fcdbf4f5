import { createHmac } from "node:crypto";
import { expect, test } from "vitest";
import { callbackKey, signCallback } from "./sign.ts";

test("a signature covers the time and the body, and can be checked with the organisation's key alone", () => {
  const key = callbackKey(Buffer.from("platform"), "acme");
  const signature = signCallback(key, Buffer.from("{}"), 1_767_225_600_999);
  const expected = createHmac("sha256", key).update("1767225600.{}").digest("hex");
  expect(signature).toBe(`t=1767225600,v1=${expected}`);
  expect(signCallback(key, Buffer.from("{ }"), 1_767_225_600_999)).not.toBe(signature);
  expect(signCallback(key, Buffer.from("{}"), 1_767_225_601_999)).not.toContain(expected);
});

test("organisations have keys of their own, which stay", () => {
  const platform = Buffer.from("platform");
  expect(callbackKey(platform, "acme")).toBe(callbackKey(platform, "acme"));
  expect(callbackKey(platform, "acme")).not.toBe(callbackKey(platform, "other"));
  expect(callbackKey(Buffer.from("another"), "acme")).not.toBe(callbackKey(platform, "acme"));
});
