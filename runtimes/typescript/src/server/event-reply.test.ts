import { describe, expect, it } from "vitest";
import { Response } from "../response.ts";
import type { EventInit } from "../event.ts";
import { toReply } from "./reply.ts";

function binary(event: EventInit): { headers: Record<string, string>; content: unknown; type: unknown } {
  const { headers, payload } = toReply(Response.event(event), "f");
  const whole = payload.kind === "whole" ? payload : { content: undefined, type: undefined };
  return { headers: Object.fromEntries(headers), content: whole.content, type: whole.type };
}

function structured(event: EventInit): unknown {
  const { payload } = toReply(Response.event(event, { mode: "structured" }), "f");
  return payload.kind === "whole" ? (JSON.parse(String(payload.content)) as unknown) : payload;
}

const FIXED = { type: "t", id: "1", time: "2026-01-02T03:04:05Z" } as const;

describe("Response.event", () => {
  it("encodes what a header cannot carry", () => {
    const { headers } = binary({
      ...FIXED,
      subject: 'grüße "x" 100%\r\nX: y',
      count: 3,
      yes: true,
      none: undefined,
    });
    expect(headers).toMatchObject({
      "ce-subject": "gr%C3%BC%C3%9Fe%20%22x%22%20100%25%0D%0AX:%20y",
      "ce-count": "3",
      "ce-yes": "true",
    });
    expect(headers).not.toHaveProperty("ce-none");
  });

  it.each([
    ["a value", { n: 1 }, undefined, '{"n":1}', "application/json"],
    ["a string without a type", "x", undefined, '"x"', "application/json"],
    ["a string of a type", "x", "text/plain; charset=utf-8", "x", "text/plain; charset=utf-8"],
    [
      "a string under JSON",
      "x",
      "application/ld+json; charset=utf-8",
      '"x"',
      "application/ld+json; charset=utf-8",
    ],
    ["a value under a type that is not JSON", { n: 1 }, "text/csv", '{"n":1}', "text/csv"],
    ["nothing", undefined, undefined, undefined, undefined],
  ])("sends %s in binary mode", (_, data, datacontenttype, content, type) => {
    expect(binary({ ...FIXED, data, datacontenttype })).toMatchObject({ content, type });
  });

  it("sends data, bytes and nothing in structured mode", () => {
    const attributes = { specversion: "1.0", source: "/functions/f", ...FIXED };
    expect(structured({ ...FIXED, data: "x" })).toEqual({
      ...attributes,
      datacontenttype: "application/json",
      data: "x",
    });
    expect(structured({ ...FIXED, data: new Uint8Array([1]) })).toEqual({
      ...attributes,
      datacontenttype: "application/octet-stream",
      data_base64: "AQ==",
    });
    expect(structured(FIXED)).toEqual(attributes);
  });

  it.each([
    ["no type", { type: "" }, /needs a type/],
    ["an attribute with a capital letter", { type: "t", myName: "x" }, /a-z and 0-9/],
    ["an attribute that is an object", { type: "t", other: {} }, /"other"/],
  ])("refuses %s", (_, event, message) => {
    expect(() => toReply(Response.event(event), "f")).toThrow(message);
  });
});
