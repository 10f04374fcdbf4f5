import { expect, test } from "vitest";
import { chainLength, MAX_CHAIN, originHeaders, withChainLength } from "./chain.ts";

test.each([
  [undefined, 0],
  ["", 0],
  ["vendor=x", 0],
  ["hanzo-fn=3", 3],
  ["vendor=x , hanzo-fn=12,other=1", 12],
  ["hanzo-fn=-1", 0],
  ["hanzo-fn=1.5", 0],
  ["hanzo-fn=many", 0],
  ["nothanzo-fn=4", 0],
])("the chain of %j is %d long", (tracestate, length) => {
  expect(chainLength(tracestate)).toBe(length);
});

test("members of others stay, ours goes first and stands there once", () => {
  expect(withChainLength("vendor=x,hanzo-fn=3,other=y", 4)).toBe("hanzo-fn=4,vendor=x,other=y");
  const many = Array.from({ length: 32 }, (_, i) => `v${i}=1`).join(",");
  expect(withChainLength(many, 1).split(",")).toHaveLength(32);
});

test("a message carries the request and the trace, one further in the chain", () => {
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  expect(originHeaders({ requestId: "req_1", traceparent, tracestate: "a=b,hanzo-fn=2" })).toEqual({
    "x-request-id": "req_1",
    traceparent,
    tracestate: "hanzo-fn=3,a=b",
  });
  expect(originHeaders({})).toEqual({ tracestate: "hanzo-fn=1" });
});

test("a chain ends where it is too long to be meant", () => {
  const at = (length: number) => () => originHeaders({ tracestate: `hanzo-fn=${length}` });
  expect(at(MAX_CHAIN - 1)()).toEqual({ tracestate: `hanzo-fn=${MAX_CHAIN}` });
  expect(at(MAX_CHAIN)).toThrow(expect.objectContaining({ code: "loop_detected", status: 508 }) as Error);
});
