import { afterAll, beforeAll, expect, it } from "vitest";
import { Wire } from "../client.ts";
import type { Language } from "../languages.ts";
import { ready, type Server } from "../server.ts";
import { suite } from "./suite.ts";

const KIB = 1024;
const LIMIT = 1000;

export function sizesSuite(language: Language): void {
  suite(language, "sizes", () => {
    let server: Server;
    beforeAll(
      async () => void (server = await ready(language, "echo", {}, { HANZO_FN_MAX_BODY_BYTES: `${LIMIT}` })),
    );
    afterAll(() => server[Symbol.asyncDispose]());

    it("takes a body of exactly the limit", async () => {
      const answer = await server.call({ path: "/body", body: "x".repeat(LIMIT) });
      expect([answer.status, answer.bytes.length]).toEqual([200, LIMIT]);
    });

    it("refuses a longer body by its declared length, before it is sent, and ends the connection", async () => {
      const wire = new Wire(server.socket);
      wire.send(
        `POST /body HTTP/1.1\r\nHost: f\r\nX-Request-ID: req_big\r\nContent-Length: ${LIMIT + 1}\r\n\r\n`,
      );
      const received = await wire.untilClosed();
      expect(received).toMatch(/^HTTP\/1\.1 413 /);
      expect(received.toLowerCase()).toContain("x-function-error: payload_too_large\r\n");
      expect(JSON.parse(received.slice(received.indexOf("\r\n\r\n")))).toMatchObject({
        status: "error",
        code: 413,
        error: "payload_too_large",
        requestId: "req_big",
      });
    });

    it("refuses a chunked body when it grows too long, and ends the connection", async () => {
      const wire = new Wire(server.socket);
      wire.send("POST /body HTTP/1.1\r\nHost: f\r\nTransfer-Encoding: chunked\r\n\r\n");
      wire.send(`258\r\n${"x".repeat(600)}\r\n258\r\n${"x".repeat(600)}\r\n`);
      const received = await wire.untilClosed();
      expect(received).toMatch(/^HTTP\/1\.1 413 /);
      expect((await server.call()).status).toBe(200);
    });

    it("takes a head of 60 KiB", async () => {
      const answer = await server.call({ headers: { "x-mixed-case": "x".repeat(60 * KIB) } });
      expect(answer.status).toBe(200);
      expect((answer.json as { header: string }).header).toHaveLength(60 * KIB);
    });

    it("refuses a head over 64 KiB with 431", async () => {
      const wire = new Wire(server.socket);
      wire.send(`GET / HTTP/1.1\r\nHost: f\r\nX-Long: ${"x".repeat(66 * KIB)}\r\n\r\n`);
      expect(await wire.untilClosed()).toMatch(/^HTTP\/1\.1 431 /);
      expect((await server.call()).status).toBe(200);
    });
  });
}
