import { describe, expect, test } from "vitest";
import type { TaskCall } from "@hanzo-fn/contract";
import { keptRequest, taskWishes } from "./request.ts";

const aCall = (headers: TaskCall["headers"], more: Partial<TaskCall> = {}): TaskCall => ({
  ...{ org: "acme", function: "f", user: "ann", mayPin: false, query: "?a=1", requestId: "req_1" },
  headers,
  body: (async function* () {})(),
  ...more,
});
const open = { allowPrivate: false };

describe("what is kept of a request", () => {
  test("is what the function is to see: no credentials, nothing of the hop or in the platform's name", () => {
    const call = aCall([
      ["Content-Type", "text/plain"],
      ["Authorization", "Bearer secret"],
      ["Cookie", "session=secret"],
      ["X-API-Key", "secret"],
      ["X-Org-Id", "acme"],
      ["X-User-Id", "mallory"],
      ["X-Function-Trigger", "cron"],
      ["Connection", "close"],
      ["Content-Length", "3"],
      ["Host", "fn.example"],
      ["Idempotency-Key", "k"],
      ["traceparent", "00-1-2-01"],
      ["X-Mine", "1"],
      ["x-mine", "2"],
    ]);
    expect(keptRequest(call)).toEqual({
      headers: { "content-type": "text/plain", traceparent: "00-1-2-01", "x-mine": "1, 2" },
      query: "?a=1",
      request_id: "req_1",
      user: "ann",
    });
  });

  test("has text where the wire had bytes of UTF-8", () => {
    const raw = Buffer.from("grüße").toString("latin1");
    expect(keptRequest(aCall([["x-mine", raw]])).headers).toEqual({ "x-mine": "grüße" });
  });

  test("names nobody where the platform itself called", () => {
    expect(keptRequest(aCall([], { user: undefined }))).not.toHaveProperty("user");
  });
});

describe("what a caller asks for", () => {
  test("is nothing where it says nothing", () => {
    expect(taskWishes([], open)).toEqual({
      callback: undefined,
      expiresInMs: undefined,
      idempotencyKey: undefined,
      revision: undefined,
    });
  });

  test("is read from the headers, in any case of letters", () => {
    const wishes = taskWishes(
      [
        ["X-Function-Callback", "https://example.com/"],
        ["X-Function-Expires-In", "1h30m"],
        ["Idempotency-Key", "key"],
        ["X-Function-Revision", "f-00002"],
      ],
      open,
    );
    expect(wishes).toEqual({
      callback: { url: "https://example.com/", host: "example.com:443" },
      expiresInMs: 5_400_000,
      idempotencyKey: "key",
      revision: "f-00002",
    });
  });

  test.each(["0s", "31d", "soon", "", "-1"])("may not be to wait for %j", (text) => {
    expect(() => taskWishes([["x-function-expires-in", text]], open)).toThrow(/is a duration/);
  });

  test.each(["", "two words", "ü", "k".repeat(256)])("may not have the idempotency key %j", (key) => {
    expect(() => taskWishes([["idempotency-key", key]], open)).toThrow(/1 to 255/);
  });
});
