import { describe, expect, test } from "vitest";
import { belongsTo, bodyOf, type StreamRecord } from "./record.ts";

const record = (value: Buffer | undefined, key?: Buffer): StreamRecord => {
  return { offset: 1, key, value, headers: {}, timestampMs: 0 };
};
const parsed = (value: Buffer | undefined, key?: Buffer): unknown =>
  JSON.parse(bodyOf(record(value, key)).body.toString());

describe("the body of a record", () => {
  test("is the value's own bytes where it is JSON, with the envelope around it", () => {
    const value = Buffer.from(' {"schema":"hanzo.stream.v1","org_id":"org_acme","data":{"a":1}} ');
    expect(bodyOf(record(value))).toEqual({ body: value, org: "org_acme" });
    expect(bodyOf(record(value)).body).toBe(value);
  });

  test("is key and value as strings where it is not", () => {
    expect(parsed(Buffer.from("a,b"), Buffer.from("k"))).toEqual({ key: "k", value: "a,b" });
    expect(parsed(Buffer.from(""))).toEqual({ key: null, value: "" });
    expect(parsed(Buffer.from('{"a":'))).toEqual({ key: null, value: '{"a":' });
  });

  test("is null for a tombstone, and base64 for bytes that are no text", () => {
    expect(parsed(undefined, Buffer.from("k"))).toEqual({ key: "k", value: null });
    expect(parsed(Buffer.from([0xff, 1]), Buffer.from("k"))).toEqual({
      key: "aw==",
      value: "/wE=",
      encoding: "base64",
    });
  });

  test("has no organisation where the envelope names none, or names nonsense", () => {
    for (const value of ["[1]", "7", "null", '{"org_id":7}', '{"org_id":""}'])
      expect(bodyOf(record(Buffer.from(value))).org).toBeUndefined();
  });
});

test("an organisation sees its own records and those of nobody, with and without the prefix", () => {
  expect(belongsTo("acme", "acme")).toBe(true);
  expect(belongsTo("acme", "org_acme")).toBe(true);
  expect(belongsTo("org_acme", "acme")).toBe(true);
  expect(belongsTo("acme", undefined)).toBe(true);
  expect(belongsTo("acme", "acme2")).toBe(false);
  expect(belongsTo("acme", "ORG_acme")).toBe(false);
});
