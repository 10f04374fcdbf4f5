import { randomBytes } from "node:crypto";
import { Agent } from "node:http";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Wire } from "../client.ts";
import type { Language } from "../languages.ts";
import { ready, type Server } from "../server.ts";
import { suite } from "./suite.ts";

const JSON_TYPE = { "content-type": "application/json" };

interface DataCase {
  readonly name: string;
  readonly path?: string;
  readonly body?: string | Uint8Array;
  readonly type?: string;
  readonly data: unknown;
}

/** Every kind of content and the `ctx.data` it gives. */
const dataCases: readonly DataCase[] = [
  {
    name: "application/json is parsed",
    body: '{"a":[1,null]}',
    type: "application/json; charset=utf-8",
    data: { a: [1, null] },
  },
  { name: "+json is parsed", body: "[1]", type: "application/ld+json", data: [1] },
  { name: "a JSON null is null", body: "null", type: "application/json", data: null },
  { name: "a byte order mark before JSON is skipped", body: "\uFEFF{}", type: "application/json", data: {} },
  { name: "an untyped body that parses is parsed", body: '{"a":1}', data: { a: 1 } },
  { name: "an untyped body that does not parse is text", body: "{a", data: { body: "{a" } },
  {
    name: "text is text even where it looks like JSON",
    body: '{"a":1}',
    type: "text/plain",
    data: { body: '{"a":1}' },
  },
  {
    name: "a form is text",
    body: "a=1&b=2",
    type: "application/x-www-form-urlencoded",
    data: { body: "a=1&b=2" },
  },
  {
    name: "bytes that are no UTF-8 are base64",
    body: new Uint8Array([0xff, 0x00]),
    type: "application/octet-stream",
    data: { body: "/wA=", encoding: "base64" },
  },
  {
    name: "an empty body gives the query",
    path: "/?a=1&b=x%20y&b=z&c=",
    data: { a: "1", b: ["x y", "z"], c: "" },
  },
  {
    name: "an empty body declared JSON gives the query too",
    path: "/?a=1",
    type: "application/json",
    data: { a: "1" },
  },
  { name: "no body and no query give an empty map", data: {} },
];

export function requestSuite(language: Language): void {
  suite(language, "request", () => {
    let server: Server;
    beforeAll(async () => void (server = await ready(language, "echo")));
    afterAll(() => server[Symbol.asyncDispose]());

    for (const { name, path, body, type, data } of dataCases) {
      it(`ctx.data: ${name}`, async () => {
        const headers: Record<string, string> = type === undefined ? {} : { "content-type": type };
        const answer = await server.call({ method: "POST", path, body, headers });
        expect([answer.status, (answer.json as { data: unknown }).data]).toEqual([200, data]);
      });
    }

    it.each(["{", "NaN", "{'a': 1}", new Uint8Array([0x22, 0xff, 0x22])])(
      "refuses a body declared JSON that is none (%#) without calling the handler",
      async (body) => {
        const answer = await server.call({ body, headers: { ...JSON_TYPE, "x-request-id": "req_bad" } });
        expect([answer.status, answer.headers["x-function-error"]]).toEqual([400, "bad_request"]);
        expect(answer.json).toMatchObject({
          status: "error",
          code: 400,
          error: "bad_request",
          requestId: "req_bad",
        });
      },
    );

    it("gives the method, the path as sent, the query, the headers and who is called", async () => {
      const answer = await server.call({
        method: "PATCH",
        path: "/a%20b/c?x=1&x=2&y=%C3%BC",
        headers: { "X-MIXED-case": "Value", traceparent: "00-1-2-01", "x-request-id": "req_7" },
      });
      expect(answer.json).toMatchObject({
        method: "PATCH",
        path: "/a%20b/c",
        query: { x: ["1", "2"], y: ["ü"] },
        header: "Value",
        traceparent: "00-1-2-01",
        request_id: "req_7",
        function: "embed",
        revision: "embed-00003",
        org: "acme",
      });
    });

    it("joins the values of a repeated header", async () => {
      const answer = await server.call({ headers: { "x-mixed-case": ["a", "b"] } });
      expect(answer.json).toMatchObject({ header: "a, b" });
    });

    it("takes the trigger from the headers, and defaults it to the HTTP call", async () => {
      const answer = await server.call({
        headers: {
          "x-function-trigger": "mq",
          "x-function-trigger-source": "mq.batch.embeddings",
          "x-function-trigger-id": "evt_1",
          "x-function-trigger-timestamp": "2026-01-02T03:04:05Z",
          "x-function-attempt": "3",
        },
      });
      const given = {
        type: "mq",
        source: "mq.batch.embeddings",
        id: "evt_1",
        timestamp: "2026-01-02T03:04:05Z",
        attempt: 3,
      };
      expect(answer.json).toMatchObject(given);
      const plain = (await server.call({ path: "/here?x=1" })).json as { timestamp: string };
      expect(plain).toMatchObject({ type: "http", source: "/here", id: "", attempt: 1 });
      expect(plain.timestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
      expect(Math.abs(Date.parse(plain.timestamp) - Date.now())).toBeLessThan(10_000);
    });

    it("counts the deadline down from the header, else from the function's timeout", async () => {
      const { left_ms: given } = (await server.call({ headers: { "x-function-deadline-ms": "10000" } }))
        .json as { left_ms: number };
      expect(given).toBeGreaterThan(0);
      expect(given).toBeLessThanOrEqual(10_000);
      const { left_ms: usual } = (await server.call()).json as { left_ms: number };
      expect(usual).toBeGreaterThan(10_000);
      expect(usual).toBeLessThanOrEqual(20_000);
    });

    it("makes a request id where none came", async () => {
      expect((await server.call()).json).toMatchObject({
        request_id: expect.stringMatching(/^req_[0-9A-Z]{26}$/),
      });
    });

    it("names the instance and the duration on every answer", async () => {
      const { headers } = await server.call();
      expect(headers["x-function-instance"]).toBe("fn-embed-00003-local-x1y2z3");
      expect(headers["x-function-duration-ms"]).toMatch(/^\d+\.\d$/);
    });

    it("gives the handler an empty standard input, not the platform's pipe", async () => {
      const answer = await server.call({ path: "/stdin" });
      expect([answer.status, answer.text]).toEqual([200, ""]);
    });

    it("carries 20 MB both ways, whole and chunked", async () => {
      const body = randomBytes(20 * 1024 * 1024);
      const headers = { "content-type": "application/octet-stream" };
      const whole = await server.call({ path: "/body", body, headers });
      expect([whole.status, whole.bytes.equals(body)]).toEqual([200, true]);
      const chunked = await server.call({
        path: "/body",
        body,
        headers: { ...headers, "transfer-encoding": "chunked", "content-length": [] },
      });
      expect([chunked.status, chunked.bytes.equals(body)]).toEqual([200, true]);
    });

    it("reuses a connection, also after an error", async () => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      const bad = await server.call({ agent, body: "{", headers: JSON_TYPE });
      const good = await server.call({ agent });
      expect([bad.status, good.status]).toEqual([400, 200]);
      expect(Object.keys(agent.freeSockets)).toHaveLength(1);
      agent.destroy();
    });

    it("takes chunked bodies with extensions and trailers, and two calls sent at once", async () => {
      const wire = new Wire(server.socket);
      wire.send(
        "POST /body HTTP/1.1\r\nHost: f\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: 1\r\n\r\n",
      );
      wire.send("GET /second HTTP/1.1\r\nHost: f\r\nConnection: close\r\n\r\n");
      const received = await wire.untilClosed();
      expect(received).toMatch(/\r\n\r\nabcdeHTTP\/1\.1 200 OK\r\n/);
      expect(received).toContain(
        '"path":"/second"'.replaceAll('":', received.includes('": ') ? '": ' : '":'),
      );
    });

    it("answers Expect: 100-continue before the body comes", async () => {
      const wire = new Wire(server.socket);
      wire.send(
        "POST /body HTTP/1.1\r\nHost: f\r\nContent-Length: 4\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n",
      );
      await wire.until(
        "the interim answer",
        (received) => received.startsWith("HTTP/1.1 100 ") && received.endsWith("\r\n\r\n"),
      );
      wire.send("four");
      const received = await wire.untilClosed();
      expect(received).toMatch(/\r\n\r\nHTTP\/1\.1 200 [^]*\r\n\r\nfour$/);
    });

    it("answers HEAD with the head of GET and no body", async () => {
      const get = await server.call({ path: "/body", method: "POST", body: "12345" });
      const wire = new Wire(server.socket);
      wire.send("HEAD /body HTTP/1.1\r\nHost: f\r\nContent-Length: 5\r\nConnection: close\r\n\r\n12345");
      const received = await wire.untilClosed();
      expect(received).toMatch(/^HTTP\/1\.1 200 /);
      expect(received.toLowerCase()).toContain(`content-length: ${get.headers["content-length"]}\r\n`);
      expect(received.endsWith("\r\n\r\n")).toBe(true);
    });

    it("survives a client that leaves in the middle of its body", async () => {
      const wire = new Wire(server.socket);
      wire.send("POST /body HTTP/1.1\r\nHost: f\r\nContent-Length: 100\r\n\r\nonly this");
      wire.close();
      expect((await server.call()).status).toBe(200);
    });
  });
}
