import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { Wire } from "../client.ts";
import type { Language } from "../languages.ts";
import { ready } from "../server.ts";
import { ABSENT, itUnless, suite } from "./suite.ts";

export function cancelSuite(language: Language): void {
  suite(language, "deadline, cancellation and concurrency", () => {
    it("answers 504 at the deadline and cancels the handler", async () => {
      await using server = await ready(language, "cancel");
      const answer = await server.call({ path: "/wait", headers: { "x-function-deadline-ms": "1000" } });
      expect([answer.status, answer.headers["x-function-error"]]).toEqual([504, "timeout"]);
      expect(answer.json).toMatchObject({ status: "error", code: 504, error: "timeout" });
      await server.out.saying("cancelled");
      expect((await server.call({ path: "/seen" })).json).toEqual([language.cancelled.deadline]);
    });

    it("abandons a handler that does not listen, and gives its turn to the next call", async () => {
      await using server = await ready(language, "cancel", { concurrency: 1, timeout_ms: 1000 });
      expect((await server.call({ path: "/forever" })).status).toBe(504);
      const next = await server.call({ path: "/", headers: { "x-function-deadline-ms": "10000" } });
      expect([next.status, next.text]).toEqual([200, "quick"]);
    });

    itUnless(language, ABSENT.busyCancel, "cancels a handler that never waits", async () => {
      await using server = await ready(language, "spin", { concurrency: 1 });
      const answer = await server.call({ path: "/spin", headers: { "x-function-deadline-ms": "1000" } });
      expect([answer.status, answer.headers["x-function-error"]]).toEqual([504, "timeout"]);
      const next = await server.call();
      expect([next.status, next.text]).toEqual([200, "stopped by TimeoutError"]);
    });

    it("answers 504 to a call whose turn does not come before its deadline", async () => {
      await using server = await ready(language, "cancel", { concurrency: 1 });
      const held = server.call({ path: "/wait", headers: { "x-function-deadline-ms": "4000" } });
      await server.out.saying("started");
      const waiting = await server.call({ path: "/", headers: { "x-function-deadline-ms": "50" } });
      expect([waiting.status, waiting.headers["x-function-error"]]).toEqual([504, "timeout"]);
      expect((await held).status).toBe(504);
    });

    it("cancels the handler when the caller goes away", async () => {
      await using server = await ready(language, "cancel");
      const wire = new Wire(server.socket);
      wire.send("GET /wait HTTP/1.1\r\nHost: f\r\n\r\n");
      await server.out.saying("started");
      wire.close();
      await server.out.saying("cancelled");
      expect((await server.call({ path: "/seen" })).json).toEqual([language.cancelled.gone]);
    });

    it("forgets a waiting call whose caller goes away", async () => {
      await using server = await ready(language, "gate", { concurrency: 1 });
      const file = join(server.directory, "open");
      const send = (n: number): Wire => {
        const body = JSON.stringify({ n, file });
        const wire = new Wire(server.socket);
        wire.send(
          `POST / HTTP/1.1\r\nHost: f\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
        );
        return wire;
      };
      const first = send(1);
      await server.out.saying("started 1");
      const second = send(2);
      await server.state();
      second.close();
      const third = send(3);
      await server.state();
      await writeFile(file, "");
      await third.until("the third answer", (received) => received.includes("most"));
      first.close();
      third.close();
      expect(server.out.all.map(({ msg }) => msg)).not.toContain("started 2");
    });

    it("cancels a stream when the caller goes away, and cuts it at the deadline", async () => {
      await using server = await ready(language, "cancel");
      const wire = new Wire(server.socket);
      wire.send("GET /stream HTTP/1.1\r\nHost: f\r\n\r\n");
      await wire.until("the first piece", (received) => received.includes("first"));
      wire.close();
      await server.out.saying("cancelled");
      await expect(
        server.call({ path: "/stream", headers: { "x-function-deadline-ms": "1000" } }),
      ).rejects.toThrow();
    });

    it("runs as many calls at once as it may, and the next one after one of them", async () => {
      await using server = await ready(language, "gate", { concurrency: 3 });
      const headers = { "content-type": "application/json" };
      const gate = (n: number): { name: string; body: string; headers: Record<string, string> } => ({
        name: join(server.directory, `open-${n}`),
        body: JSON.stringify({ n, file: join(server.directory, `open-${n}`) }),
        headers,
      });
      const calls = [1, 2, 3].map((n) => server.call(gate(n)));
      for (const n of [1, 2, 3]) await server.out.saying(`started ${n}`);
      const fourth = server.call(gate(4));
      await server.state();
      for (const n of [4, 2]) await writeFile(gate(n).name, "");
      expect((await fourth).json).toEqual({ most: 3 });
      for (const n of [1, 3]) await writeFile(gate(n).name, "");
      for (const call of calls) expect((await call).status).toBe(200);
      const order = server.out.all.map(({ msg }) => msg);
      expect(order.indexOf("started 4")).toBeGreaterThan(order.indexOf("ended 2"));
    });
  });
}
