import { once } from "node:events";
import { expect, it } from "vitest";
import type { Language } from "../languages.ts";
import { ready, type Server } from "../server.ts";
import { ABSENT, itUnless, suite } from "./suite.ts";

const JSON_TYPE = { "content-type": "application/json" };
const LINE_LIMIT = 64 * 1024;

async function isWell(server: Server, name: string): Promise<void> {
  const answer = await server.call({ body: JSON.stringify({ name }), headers: JSON_TYPE });
  expect([answer.status, answer.text]).toEqual([200, `well ${name}`]);
}

/** Clauses of bad behaviour that one server must survive, or end in a way that tells the platform. */
export function harmSuite(language: Language): void {
  suite(language, "code that behaves badly", () => {
    it("ends at an exit although a child of the function lives on with its outputs", async (ctx) => {
      if (language.contained === true) {
        return ctx.skip(
          "absent by the runtime contract: an image holds no program that a function could start",
        );
      }
      await using server = await ready(language, "harm");
      const exit = once(server.child, "exit");
      await server.call({ path: "/spawn-exit" }).catch(() => undefined);
      const [code] = (await exit) as [number | null];
      const line = await server.out.find("of the child", ({ msg }) => msg.startsWith("child "));
      process.kill(Number(line.msg.slice("child ".length)), "SIGKILL");
      expect(code).toBe(4);
    });

    it("goes on after the function has closed the outputs", async () => {
      await using server = await ready(language, "harm");
      expect((await server.call({ path: "/close-fds" })).status).toBe(200);
      await isWell(server, "a");
      await isWell(server, "b");
    });

    it("goes on after the function has changed the directory", async () => {
      await using server = await ready(language, "harm");
      expect((await server.call({ path: "/chdir" })).text).toBe("well");
      await isWell(server, "a");
    });

    it("passes binary output on and keeps the lines after it whole", async () => {
      await using server = await ready(language, "harm");
      expect((await server.call({ path: "/binary" })).text).toBe("well");
      await server.out.find("of the bytes", ({ msg }) => msg.endsWith("\u0000A"));
      await server.call({ path: "/late", headers: { "x-request-id": "req_after" } });
      expect((await server.out.saying("late")).request_id).toBe("req_after");
    });

    it("cuts a line of 10 MiB", async () => {
      await using server = await ready(language, "harm");
      expect((await server.call({ path: "/long-line" })).text).toBe("well");
      const line = await server.out.find("of x", ({ msg }) => msg.startsWith("xxx"));
      expect([line.msg.length, line.truncated]).toEqual([LINE_LIMIT, 10 * 1024 * 1024 - LINE_LIMIT]);
    });

    it("drops what a handler returns after its deadline", async () => {
      await using server = await ready(language, "harm");
      const answer = await server.call({ path: "/late", headers: { "x-function-deadline-ms": "50" } });
      expect([answer.status, answer.headers["x-function-error"]]).toEqual([504, "timeout"]);
      await isWell(server, "a");
    });

    it("answers 504 to a call that computed through its deadline, and serves the next one", async () => {
      await using server = await ready(language, "harm");
      const answer = await server.call({ path: "/block", headers: { "x-function-deadline-ms": "100" } });
      expect([answer.status, answer.headers["x-function-error"]]).toEqual([504, "timeout"]);
      await isWell(server, "a");
    });

    it("serves calls that came while a handler computed", async () => {
      await using server = await ready(language, "harm");
      const calls = [server.call({ path: "/block" }), isWell(server, "a"), isWell(server, "b")] as const;
      const [blocked] = await Promise.all(calls);
      expect([blocked.status, blocked.text]).toEqual([200, "blocked"]);
    });

    itUnless(
      language,
      ABSENT.threadsAndPatches,
      "goes on after the function has patched built-ins",
      async () => {
        await using server = await ready(language, "harm");
        expect((await server.call({ path: "/patch" })).status).toBe(200);
        await isWell(server, "a");
        const answer = await server.call({ path: "/late", headers: { "x-request-id": "req_patched" } });
        expect(answer.text).toBe("late");
        expect((await server.out.saying("late")).request_id).toBe("req_patched");
        expect(await server.state()).toBe("ready");
      },
    );

    it("takes a body nested 100 000 deep or refuses it", async () => {
      await using server = await ready(language, "harm");
      const body = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
      const answer = await server.call({ body, headers: JSON_TYPE });
      expect([200, 400]).toContain(answer.status);
      await isWell(server, "a");
    });
  });
}
