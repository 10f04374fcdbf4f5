import { expect, it } from "vitest";
import { type Delivered, encodeBatch, encodeOne } from "./encode.ts";

function delivered(id: string, body: string | Buffer, more: Partial<Delivered["event"]> = {}): Delivered {
  const event = {
    id,
    body: Buffer.from(body),
    json: typeof body === "string",
    headers: {},
    attempt: 1,
    ageMs: 0,
    partition: "",
    source: "mq.a.b",
    ...more,
  };
  return { event, attempt: 2 };
}

it("one event is a call with its own bytes, headers and id", () => {
  const call = encodeOne(
    delivered("mq:S:7", '{"a": 1}', { headers: { "X-Team": "t", traceparent: "00-1" } }),
  );
  expect(call.body.toString()).toBe('{"a": 1}');
  expect(call.headers).toEqual({
    "x-team": "t",
    traceparent: "00-1",
    "content-type": "application/json",
    "idempotency-key": "mq:S:7",
  });
});

it("what is no JSON keeps the type it came with, or is bytes", () => {
  const typed = delivered("a", Buffer.from("a,b"), { headers: { "Content-Type": "text/csv" } });
  expect(encodeOne(typed).headers["content-type"]).toBe("text/csv");
  expect(encodeOne(delivered("a", Buffer.from("a"))).headers["content-type"]).toBe(
    "application/octet-stream",
  );
});

it("a batch holds every event with its own id, attempt, headers and data, JSON or not", () => {
  const { headers, body } = encodeBatch([
    delivered("a", '{"n":1,"big":12345678901234567890}', { timestamp: "2026-01-01T00:00:00Z" }),
    delivered("b", Buffer.from("größer"), { headers: { h: '"' } }),
    delivered("c", Buffer.from([0xff, 0])),
  ]);
  expect(headers).toEqual({ "content-type": "application/vnd.hanzo.batch+json" });
  expect(body.toString()).toContain('"data":{"n":1,"big":12345678901234567890}');
  const common = { source: "mq.a.b", attempt: 2 };
  expect(JSON.parse(body.toString())).toMatchObject({
    items: [
      { ...common, id: "a", timestamp: "2026-01-01T00:00:00Z", headers: {}, data: { n: 1 } },
      { ...common, id: "b", headers: { h: '"' }, data: { body: "größer" } },
      { ...common, id: "c", data: { body: "/wA=", encoding: "base64" } },
    ],
  });
});

it("a batch goes on in what all of its events come from, and has the longest chain among them", () => {
  const from = (id: string, trace: string, chain: string) =>
    delivered(id, "1", { headers: { "x-request-id": "req_1", traceparent: trace, tracestate: chain } });
  const same = encodeBatch([from("a", "t1", "hanzo-fn=2"), from("b", "t1", "hanzo-fn=5")]).headers;
  expect(same).toMatchObject({ "x-request-id": "req_1", traceparent: "t1", tracestate: "hanzo-fn=5" });
  const other = encodeBatch([from("a", "t1", "x=1"), from("b", "t2", "x=1")]).headers;
  expect(Object.keys(other).toSorted()).toEqual(["content-type", "x-request-id"]);
});
