import { afterAll, beforeAll, expect, it } from "vitest";
import type { Language } from "../languages.ts";
import { ready, type Server } from "../server.ts";
import { suite } from "./suite.ts";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;
const STRUCTURED = "application/cloudevents+json";
const EVENTS = "application/cloudevents-batch+json";
const ITEMS = "application/vnd.hanzo.batch+json";

const REQUIRED = { specversion: "1.0", id: "e1", source: "/here", type: "doc.made" };

interface In {
  readonly data: unknown;
  readonly event: Record<string, unknown> | null;
  readonly batch: unknown;
  readonly type: string;
}

/** What the structured event's data gives. */
const dataCases: ReadonlyArray<readonly [name: string, members: Record<string, unknown>, data: unknown]> = [
  ["a map", { data: { n: 1 } }, { n: 1 }],
  ["a string", { data: "text", datacontenttype: "text/plain" }, "text"],
  ["null", { data: null }, null],
  ["nothing", {}, null],
  ["base64 of JSON", { data_base64: "eyJuIjoxfQ==", datacontenttype: "application/json" }, { n: 1 }],
  ["base64 of text", { data_base64: "aGk=", datacontenttype: "text/plain" }, { body: "hi" }],
  [
    "base64 of bytes",
    { data_base64: "/wA=", datacontenttype: "application/octet-stream" },
    { body: "/wA=", encoding: "base64" },
  ],
];

const malformedEvents: ReadonlyArray<readonly [name: string, body: unknown]> = [
  ["no specversion", { ...REQUIRED, specversion: undefined }],
  ["another specversion", { ...REQUIRED, specversion: "0.3" }],
  ["no id", { ...REQUIRED, id: undefined }],
  ["an empty id", { ...REQUIRED, id: "" }],
  ["no source", { ...REQUIRED, source: undefined }],
  ["no type", { ...REQUIRED, type: undefined }],
  ["a type that is no string", { ...REQUIRED, type: 7 }],
  ["a list", [REQUIRED]],
  ["base64 that is none", { ...REQUIRED, data_base64: "*" }],
];

const malformedItems: ReadonlyArray<readonly [name: string, body: unknown]> = [
  ["no items", {}],
  ["items that are no list", { items: {} }],
  ["an item without id", { items: [{ data: 1 }] }],
  ["an item without data", { items: [{ id: "a" }] }],
  ["an id twice", { items: ["a", "b", "a"].map((id) => ({ id, data: 1 })) }],
  ["a list", [{ id: "a", data: 1 }]],
];

export function eventsSuite(language: Language): void {
  suite(language, "events and batches", () => {
    let server: Server;
    beforeAll(async () => void (server = await ready(language, "events")));
    afterAll(() => server[Symbol.asyncDispose]());

    async function send(type: string, body: unknown): Promise<In> {
      const answer = await server.call({
        path: "/in",
        body: JSON.stringify(body),
        headers: { "content-type": type },
      });
      expect([answer.status, answer.text]).toEqual([200, expect.any(String)]);
      return answer.json as In;
    }

    async function refused(type: string, body: unknown): Promise<void> {
      const answer = await server.call({
        path: "/in",
        body: typeof body === "string" ? body : JSON.stringify(body),
        headers: { "content-type": type },
      });
      expect([answer.status, answer.headers["x-function-error"]]).toEqual([400, "bad_request"]);
    }

    it("gives neither event nor batch to a plain call", async () => {
      const seen = await send("application/json", { ...REQUIRED, data: 1 });
      expect([seen.event, seen.batch, seen.type]).toEqual([null, null, "http"]);
      const old = await server.call({ path: "/in", headers: { "ce-specversion": "0.3", "ce-id": "1" } });
      expect(old.json).toMatchObject({ event: null });
    });

    it("takes an event in binary mode: attributes from the headers, data by the ordinary rules", async () => {
      const answer = await server.call({
        path: "/in",
        body: '{"n":1}',
        headers: {
          "content-type": "application/json",
          "CE-SpecVersion": "1.0",
          "ce-id": "e1",
          "ce-source": "/here",
          "ce-type": "doc.made",
          "ce-subject": "gr%C3%BC%C3%9Fe%20%22x%22 100%25",
          "ce-Tenant": "acme",
        },
      });
      expect(answer.json).toMatchObject({
        data: { n: 1 },
        event: {
          ...REQUIRED,
          subject: 'grüße "x" 100%',
          tenant: "acme",
          datacontenttype: "application/json",
        },
        batch: null,
        type: "http",
      });
    });

    it("takes a text in binary mode by the ordinary rules", async () => {
      const headers = Object.fromEntries(
        Object.entries(REQUIRED).map(([name, value]) => [`ce-${name}`, value]),
      );
      const answer = await server.call({
        path: "/in",
        body: "hi",
        headers: { ...headers, "content-type": "text/plain" },
      });
      expect(answer.json).toMatchObject({ data: { body: "hi" }, event: REQUIRED });
    });

    it.each(dataCases)("takes an event in structured mode with %s as data", async (_, members, data) => {
      const seen = await send(`${STRUCTURED}; charset=utf-8`, { ...REQUIRED, tenant: "acme", ...members });
      expect(seen.data).toEqual(data);
      expect(seen.event).toMatchObject({ ...REQUIRED, tenant: "acme" });
      expect(Object.keys(seen.event ?? {})).not.toContain("data");
      expect(Object.keys(seen.event ?? {})).not.toContain("data_base64");
    });

    it("keeps the trigger's type where the header names one", async () => {
      const answer = await server.call({
        path: "/in",
        body: JSON.stringify({ ...REQUIRED, data: 1 }),
        headers: { "content-type": STRUCTURED, "x-function-trigger": "stream" },
      });
      expect(answer.json).toMatchObject({ type: "stream", data: 1 });
    });

    it.each(malformedEvents)("refuses a structured event with %s", (_, body) => refused(STRUCTURED, body));

    it("takes a batch of events", async () => {
      const second = { ...REQUIRED, id: "e2", time: "2026-01-02T03:04:05Z" };
      const seen = await send(EVENTS, [
        { ...REQUIRED, data: { n: 1 } },
        { ...second, data_base64: "aGk=" },
      ]);
      expect(seen.event).toBeNull();
      expect(seen.batch).toMatchObject([
        { id: "e1", data: { n: 1 }, source: "/here", attempt: 1, own: null, event: REQUIRED },
        { id: "e2", source: "/here", timestamp: second.time, attempt: 1, own: null, event: second },
      ]);
    });

    it.each(malformedEvents)("refuses a batch of events where one has %s", (_, body) =>
      refused(EVENTS, [{ ...REQUIRED, id: "e0" }, body]),
    );

    it("refuses a batch of events that is no list", () => refused(EVENTS, { ...REQUIRED }));

    it("takes the event plane's batch", async () => {
      const full = {
        id: "b",
        data: null,
        source: "mq.a",
        timestamp: "2026-01-02T03:04:05Z",
        attempt: 3,
      };
      const answer = await server.call({
        path: "/in",
        body: JSON.stringify({
          items: [
            { id: "a", data: { n: 1 } },
            { ...full, headers: { "x-own": "1" } },
          ],
        }),
        headers: {
          "content-type": ITEMS,
          "x-function-trigger": "mq",
          "x-function-trigger-source": "mq.b",
          "x-function-trigger-timestamp": "2026-02-03T04:05:06Z",
          "x-function-attempt": "2",
        },
      });
      expect(answer.json).toMatchObject({
        data: language.name === "go" ? null : [{ n: 1 }, null],
        event: null,
        type: "mq",
        batch: [
          {
            id: "a",
            data: { n: 1 },
            source: "mq.b",
            timestamp: "2026-02-03T04:05:06Z",
            attempt: 2,
            own: null,
            event: null,
          },
          { ...full, own: "1", event: null },
        ],
      });
    });

    it("takes an empty batch", async () => {
      expect((await send(ITEMS, { items: [] })).batch).toEqual([]);
      expect((await send(EVENTS, [])).batch).toEqual([]);
    });

    it.each(malformedItems)("refuses a batch with %s", (_, body) => refused(ITEMS, body));

    it("refuses a batch that does not parse", () => refused(ITEMS, "{"));

    it("answers with an event in binary mode", async () => {
      const answer = await server.call({ path: "/out" });
      expect([answer.status, answer.headers["content-type"], answer.json]).toEqual([
        200,
        "application/json",
        { n: 1 },
      ]);
      expect(answer.headers).toMatchObject({
        "ce-specversion": "1.0",
        "ce-type": "doc.made",
        "ce-source": "/functions/embed",
        "ce-id": expect.stringMatching(UUID),
        "ce-time": expect.stringMatching(RFC3339),
        "ce-subject": "a%20b%25",
        "ce-tenant": "acme",
      });
    });

    it("answers with an event in structured mode", async () => {
      const answer = await server.call({ path: "/out?mode=structured&status=202" });
      expect([answer.status, answer.headers["content-type"]]).toEqual([202, STRUCTURED]);
      expect(answer.headers["ce-id"]).toBeUndefined();
      expect(answer.json).toEqual({
        specversion: "1.0",
        type: "doc.made",
        source: "/functions/embed",
        id: expect.stringMatching(UUID),
        time: expect.stringMatching(RFC3339),
        subject: "a b%",
        tenant: "acme",
        datacontenttype: "application/json",
        data: { n: 1 },
      });
    });

    it("answers with an event whose attributes the function gives", async () => {
      const binary = await server.call({ path: "/out-own" });
      expect([binary.text, binary.headers["content-type"]]).toEqual(["grüße", "text/plain"]);
      expect(binary.headers).toMatchObject({
        "ce-id": "7",
        "ce-source": "/own",
        "ce-time": "2026-01-02T03:04:05Z",
      });
      expect((await server.call({ path: "/out-own?mode=structured" })).json).toEqual({
        specversion: "1.0",
        type: "t",
        source: "/own",
        id: "7",
        time: "2026-01-02T03:04:05Z",
        datacontenttype: "text/plain",
        data: "grüße",
      });
    });

    it("answers with an event of bytes", async () => {
      const binary = await server.call({ path: "/out-bytes" });
      expect([[...binary.bytes], binary.headers["content-type"]]).toEqual([
        [0, 255],
        "application/octet-stream",
      ]);
      expect((await server.call({ path: "/out-bytes?mode=structured" })).json).toMatchObject({
        type: "t",
        datacontenttype: "application/octet-stream",
        data_base64: "AP8=",
      });
    });

    it("answers a batch with its results", async () => {
      const answer = await server.call({ path: "/results" });
      expect([answer.status, answer.headers["content-type"]]).toEqual([200, "application/json"]);
      expect(answer.json).toEqual({
        results: [
          { id: "a", output: { n: 1 } },
          { id: "b", error: { kind: "permanent", message: "no" } },
        ],
      });
    });
  });
}
