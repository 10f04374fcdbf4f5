import { afterAll, beforeAll, expect, it } from "vitest";
import { open, Wire } from "../client.ts";
import type { Language } from "../languages.ts";
import { ready, type Server } from "../server.ts";
import { suite } from "./suite.ts";

export function streamsSuite(language: Language): void {
  suite(language, "streams", () => {
    let server: Server;
    beforeAll(async () => void (server = await ready(language, "streams")));
    afterAll(() => server[Symbol.asyncDispose]());

    it("flushes each piece at once, the head with the first", async () => {
      const incoming = await open(server.socket, { path: "/gated" });
      const pieces = incoming[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
      const first = await pieces.next();
      // The second piece exists only after this call: the first one did not wait for it.
      expect((await server.call({ path: "/release" })).text).toBe("released");
      const second = await pieces.next();
      expect([String(first.value), String(second.value)]).toEqual(["first\n", "second\n"]);
      expect(incoming.headers["content-type"]).toBe("text/plain; charset=utf-8");
      expect(incoming.headers["x-function-duration-ms"]).toMatch(/^\d+\.\d$/);
    });

    it("sends values as lines of JSON", async () => {
      const answer = await server.call({ path: "/values" });
      expect(answer.headers["content-type"]).toBe("application/x-ndjson");
      expect(
        answer.text
          .trimEnd()
          .split("\n")
          .map((line) => JSON.parse(line) as unknown),
      ).toEqual([{ n: 1 }, [2]]);
    });

    it("takes the type from the first piece and leaves bytes and strings as they are", async () => {
      const answer = await server.call({ path: "/mixed" });
      expect(answer.headers["content-type"]).toBe("application/octet-stream");
      expect(answer.text.replaceAll(" ", "")).toBe('\u0001\u0002three{"n":4}\n');
    });

    it("streams 20 MB", async () => {
      const answer = await server.call({ path: "/many" });
      expect([answer.bytes.length, answer.bytes[0], answer.bytes.at(-1)]).toEqual([20 * 1024 * 1024, 0, 19]);
    });

    it("answers an empty stream with an empty body", async () => {
      const answer = await server.call({ path: "/empty" });
      expect([answer.status, answer.text]).toEqual([200, ""]);
    });

    it("Response.stream keeps its status and type", async () => {
      const answer = await server.call({ path: "/list" });
      expect([answer.status, answer.headers["content-type"], answer.text]).toEqual([203, "text/csv", "ab"]);
    });

    it("Response.sse sends events", async () => {
      const answer = await server.call({ path: "/sse" });
      expect(answer.headers["content-type"]).toMatch(/^text\/event-stream/);
      const events = answer.text.split("\n\n").map((event) =>
        event
          .split("\n")
          .map((line) => line.replaceAll(": 1}", ":1}"))
          .toSorted(),
      );
      expect(events).toEqual([
        ["data: one", "data: two"],
        ['data: {"n":1}', "event: token", "id: 7", "retry: 1000"],
        ["data: text"],
        [""],
      ]);
    });

    it("answers 500 where the first piece fails", async () => {
      const answer = await server.call({ path: "/fails-first" });
      expect([answer.status, answer.headers["x-function-error"]]).toEqual([500, "handler_error"]);
    });

    it("cuts the connection where a later piece fails", async () => {
      await expect(
        server.call({ path: "/fails-later", headers: { "x-request-id": "req_cut" } }),
      ).rejects.toThrow();
      const line = await server.out.find("of the error", ({ request_id }) => request_id === "req_cut");
      expect([line.level, line.msg]).toEqual(["error", expect.stringContaining("in the stream")]);
    });

    it("answers HEAD with no body and does not read the stream", async () => {
      const wire = new Wire(server.socket);
      wire.send("HEAD /fails-later HTTP/1.1\r\nHost: f\r\nConnection: close\r\n\r\n");
      const received = await wire.untilClosed();
      expect(received).toMatch(/^HTTP\/1\.1 200 /);
      expect(received.endsWith("\r\n\r\n")).toBe(true);
    });
  });
}
