import { describe, expect, test } from "vitest";
import { openMessage } from "./envelope.ts";
import { memberBytes } from "./json-bytes.ts";

const AT = Date.parse("2026-01-02T03:04:05Z");
const open = (text: string) => openMessage(Buffer.from(text), AT);
const seen = (text: string) => {
  const { body, json } = open(text);
  return [body.toString(), json];
};
const envelope = { schema: "hanzo.mq.v1", id: "task_1", type: "notify", source: "fn/a", data: { a: 1 } };

describe("a message", () => {
  test("in an envelope is its data, and the envelope's fields are headers", () => {
    const opened = open(
      JSON.stringify({
        ...envelope,
        timestamp: "2026-01-02T03:04:05.678Z",
        priority: 7,
        org_id: "acme",
        team_id: 1,
      }),
    );
    expect(opened.body.toString()).toBe('{"a":1}');
    expect(opened).toMatchObject({
      json: true,
      timestamp: "2026-01-02T03:04:05.678Z",
      headers: {
        "x-mq-schema": "hanzo.mq.v1",
        "x-mq-id": "task_1",
        "x-mq-type": "notify",
        "x-mq-source": "fn/a",
        "x-mq-priority": "7",
        "x-mq-org-id": "acme",
        "x-mq-team-id": "1",
      },
    });
  });

  test("keeps every byte of its data, also numbers that JavaScript cannot hold", () => {
    const data = ' { "n" : 12345678901234567890.10 , "t" : "a\\"}]" , "l":[ 1 , {} ] }';
    expect(seen(`{"data":${data} ,"schema" : "hanzo.mq.v2"}`)).toEqual([data.trim(), true]);
  });

  test("of another schema, or of none, is handed on as it is", () => {
    for (const text of ['{"schema":"other.v1","data":1}', '{"data":1}', '"hanzo.mq.v1"', "[1]", "5", "null"])
      expect(seen(text)).toEqual([text, true]);
  });

  test("that is no JSON is handed on as bytes", () => {
    for (const bytes of [Buffer.from("hello"), Buffer.from([0xff, 0x00]), Buffer.alloc(0)])
      expect(openMessage(bytes, AT)).toEqual({ body: bytes, json: false, headers: {} });
  });

  test("without data in its envelope is null", () => {
    expect(seen('{"schema":"hanzo.mq.v1"}')).toEqual(["null", true]);
  });

  test("says when it is to be delivered, and until when", () => {
    const sent = "2026-01-02T03:00:00.000Z";
    const limits = { timestamp: sent, ttl_seconds: 60, delay_until: "2026-01-02T04:00:00Z" };
    expect(open(JSON.stringify({ ...envelope, ...limits }))).toMatchObject({
      notBeforeMs: Date.parse("2026-01-02T04:00:00Z"),
      expiresAtMs: Date.parse(sent) + 60_000,
    });
    expect(open(JSON.stringify({ ...envelope, ttl_seconds: 1 })).expiresAtMs).toBe(AT + 1000);
    const odd = { ttl_seconds: -1, delay_until: "soon", timestamp: "never" };
    expect(open(JSON.stringify({ ...envelope, ...odd }))).toMatchObject({
      notBeforeMs: undefined,
      expiresAtMs: undefined,
      timestamp: undefined,
    });
  });

  test("cannot bring lines of its own into the headers", () => {
    expect(open(JSON.stringify({ ...envelope, type: "a\r\nX-Org-Id: b" })).headers["x-mq-type"]).toBe(
      "a X-Org-Id: b",
    );
  });
});

describe("the bytes of a member", () => {
  const values = [
    "1",
    "-1.5e3",
    "true",
    "null",
    '""',
    '"a\\\\"',
    '"\\u0022"',
    "{}",
    "[]",
    '{"a":[1,{"b":"]}"}]}',
  ];
  test.each(values)("are %s where that was written", (value) => {
    for (const json of [`{"data":${value}}`, `\n{ "x" : [${value}] , "data"\t: ${value} , "y":{"data":0} }`])
      expect(memberBytes(Buffer.from(json), "data")?.toString()).toBe(value);
  });

  test("are of the last one of the name, and undefined where there is none", () => {
    expect(memberBytes(Buffer.from('{"data":1,"da\\u0074a":2}'), "data")?.toString()).toBe("2");
    expect(memberBytes(Buffer.from("{}"), "data")).toBeUndefined();
    expect(memberBytes(Buffer.from('{"a":{"data":1}}'), "data")).toBeUndefined();
  });
});
