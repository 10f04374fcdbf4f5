import { describe, expect, it } from "vitest";
import { readPayload } from "./payload.ts";

const TRIGGER = { type: "mq", source: "mq.a", timestamp: "2026-01-02T03:04:05Z", id: "", attempt: 2 };

function read(body: string, headers: Record<string, string>): ReturnType<typeof readPayload> {
  return readPayload({
    body: Buffer.from(body),
    headers,
    query: () => new URLSearchParams("q=1"),
    trigger: () => TRIGGER,
  });
}

const BINARY = { "ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-type": "t" };

describe("readPayload", () => {
  it.each([
    ["a%20b", "a b"],
    ["100%", "100%"],
    ["%C3%BC%c3%9f", "üß"],
    ["%25%32%30", "%20"],
    ['"quoted \\" one"', 'quoted " one'],
  ])("decodes the attribute %s", (sent, value) => {
    expect(read("", { ...BINARY, "ce-subject": sent })).toMatchObject({ event: { subject: value } });
  });

  it("gives the query for an event without a body", () => {
    expect(read("", BINARY)).toMatchObject({ data: { q: "1" }, batch: null });
  });

  it("keeps the kinds of structured attributes", () => {
    const event = { specversion: "1.0", id: "1", source: "/s", type: "t", count: 3, yes: true };
    const said = read(JSON.stringify({ ...event, data: 1 }), {
      "content-type": "application/cloudevents+json",
    });
    expect(said).toEqual({ data: 1, event, batch: null });
  });

  it("says what is wrong with a batch", () => {
    const type = { "content-type": "application/vnd.hanzo.batch+json" };
    const items = [
      { id: "a", data: 1 },
      { id: "a", data: 2 },
    ];
    expect(read(JSON.stringify({ items }), type)).toEqual({ invalid: 'the id "a" is there twice' });
    expect(read('{"items":[{"id":"a"}]}', type)).toEqual({ invalid: 'the item "a" has no "data"' });
    expect(read("{", type)).toMatchObject({ invalid: expect.stringContaining("does not parse") });
  });

  it("takes a prototype's names for what they are", () => {
    const type = { "content-type": "application/vnd.hanzo.batch+json" };
    const said = read('{"items":[{"id":"__proto__","data":{"__proto__":{"x":1}}}]}', type);
    expect(said).toMatchObject({ batch: [{ id: "__proto__", source: "mq.a", attempt: 2 }] });
    expect(({} as { x?: number }).x).toBeUndefined();
  });
});
