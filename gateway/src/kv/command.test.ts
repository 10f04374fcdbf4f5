import { describe, expect, it } from "vitest";
import { parseCommand } from "./command.ts";
import { MAX_VALUE_BYTES, toWire } from "./value.ts";

const text = { text: "x" };

function refusal(body: unknown): string | undefined {
  try {
    parseCommand(body);
    return undefined;
  } catch (error) {
    return (error as { code?: string }).code;
  }
}

describe("a kv command", () => {
  it("is read with its options", () => {
    expect(parseCommand({ op: "set", key: "k", data: { text: "ä" }, ttl_ms: 5, xx: true })).toEqual({
      op: "set",
      key: "k",
      value: Buffer.from("ä"),
      options: { ttlMs: 5, when: "present" },
    });
    expect(
      parseCommand({ op: "set", key: "k", data: { base64: "/w==" }, nx: true, ttl_ms: null }),
    ).toMatchObject({
      value: Buffer.from([255]),
      options: { when: "absent" },
    });
    expect(parseCommand({ op: "incr", key: "k" })).toEqual({ op: "incr", key: "k", by: 1 });
    expect(parseCommand({ op: "expire", key: "k", ttl_ms: -1 })).toMatchObject({ ttlMs: -1 });
    expect(parseCommand({ op: "lpush", key: "k", values: [text] })).toMatchObject({
      op: "push",
      side: "left",
    });
    expect(parseCommand({ op: "rpop", key: "k" })).toEqual({ op: "pop", key: "k", side: "right" });
    expect(parseCommand({ op: "scan" })).toMatchObject({ op: "scan", count: 100 });
    expect(
      parseCommand(JSON.parse('{"op":"hset","key":"k","fields":{"__proto__":{"text":"x"}}}')),
    ).toMatchObject({
      fields: new Map([["__proto__", Buffer.from("x")]]),
    });
  });

  it.each([
    null,
    [],
    "get",
    {},
    { op: "flushall" },
    { op: "constructor" },
    { op: "__proto__" },
    { op: ["get"], key: "k" },
    { op: "get" },
    { op: "get", key: "" },
    { op: "get", key: "a\0b" },
    { op: "get", key: "\u{D800}" },
    { op: "get", key: 1 },
    { op: "get", key: ["k"] },
    { op: "get", key: "k", more: 1 },
    { op: "set", key: "k" },
    { op: "set", key: "k", data: "x" },
    { op: "set", key: "k", data: {} },
    { op: "set", key: "k", data: { text: "x", base64: "eA==" } },
    { op: "set", key: "k", data: { text: "\u{DC00}" } },
    { op: "set", key: "k", data: { base64: "eA" } },
    { op: "set", key: "k", data: { base64: "e A=" } },
    { op: "set", key: "k", data: { text: 1 } },
    { op: "set", key: "k", data: text, nx: true, xx: true },
    { op: "set", key: "k", data: text, nx: 1 },
    { op: "set", key: "k", data: text, ttl_ms: 0 },
    { op: "set", key: "k", data: text, ttl_ms: 1.5 },
    { op: "set", key: "k", data: text, ttl_ms: "5" },
    { op: "set", key: "k", data: text, ttl_ms: 1e18 },
    { op: "delete", keys: [] },
    { op: "delete", keys: "k" },
    { op: "delete", keys: ["k", ""] },
    { op: "delete", keys: ["k", null] },
    { op: "incr", key: "k", by: 2 ** 53 },
    { op: "incr", key: "k", by: 0.5 },
    { op: "expire", key: "k" },
    { op: "hget", key: "k" },
    { op: "hset", key: "k", fields: {} },
    { op: "hset", key: "k", fields: [] },
    { op: "hset", key: "k", fields: { "": text } },
    { op: "hset", key: "k", fields: { a: "x" } },
    { op: "hdel", key: "k", fields: {} },
    { op: "rpush", key: "k", values: [] },
    { op: "rpush", key: "k", values: ["x"] },
    { op: "scan", count: 0 },
    { op: "scan", count: 1001 },
    { op: "scan", pattern: 1 },
    { op: "scan", cursor: 5 },
  ])("is refused where it is not of the protocol: %j", (body) => {
    expect(refusal(body)).toBe("bad_request");
  });

  it("is refused where a key, a field or a value is too long, by its bytes", () => {
    const long = "ä".repeat(513);
    expect(refusal({ op: "get", key: "ä".repeat(512) })).toBeUndefined();
    expect(refusal({ op: "get", key: long })).toBe("payload_too_large");
    expect(refusal({ op: "delete", keys: ["k", long] })).toBe("payload_too_large");
    expect(refusal({ op: "hget", key: "k", field: long })).toBe("payload_too_large");
    expect(refusal({ op: "scan", pattern: long })).toBe("payload_too_large");
    const value = (bytes: number) => ({ op: "set", key: "k", data: { text: "x".repeat(bytes) } });
    expect(refusal(value(MAX_VALUE_BYTES))).toBeUndefined();
    expect(refusal(value(MAX_VALUE_BYTES + 1))).toBe("payload_too_large");
    const encoded = Buffer.alloc(MAX_VALUE_BYTES + 1).toString("base64");
    expect(refusal({ op: "rpush", key: "k", values: [{ base64: encoded }] })).toBe("payload_too_large");
  });
});

it("a value is text where its bytes are UTF-8, and base64 where they are not", () => {
  expect(toWire(Buffer.from("grüße"))).toEqual({ text: "grüße" });
  expect(toWire(Buffer.from(""))).toEqual({ text: "" });
  expect(toWire(Buffer.from("\u{FEFF}bom"))).toEqual({ text: "\u{FEFF}bom" });
  expect(toWire(Buffer.from([0xff, 0]))).toEqual({ base64: "/wA=" });
  expect(toWire(Buffer.from([0xed, 0xa0, 0x80]))).toEqual({ base64: "7aCA" });
});
