import { expect, it } from "vitest";
import type { Language } from "../languages.ts";
import type { LogLine } from "../lines.ts";
import { ready, type Server } from "../server.ts";
import { ABSENT, itUnless, suite } from "./suite.ts";

const LIMIT = 64 * 1024;

/** Ten calls at once, named `n0` to `n9`; the request id of each is `req_<name>`. */
async function callAll(server: Server): Promise<string[]> {
  const names = Array.from({ length: 10 }, (_, i) => `n${i}`);
  await Promise.all(
    names.map((name) =>
      server.call({
        body: JSON.stringify({ name }),
        headers: { "content-type": "application/json", "x-request-id": `req_${name}` },
      }),
    ),
  );
  return names;
}

/** `level stream msg` of every line with the request id of the call `name`, those of `ctx.log` in their order. */
function linesOf(server: Server, name: string): string[] {
  const lines = server.out.of(`req_${name}`);
  const told = lines.filter(({ stream }) => stream === "log");
  const printed = lines.filter(({ stream }) => stream !== "log");
  const text = ({ level, stream, msg }: LogLine): string => `${level} ${stream} ${msg}`;
  return [...told.map(text), ...printed.map(text).toSorted()];
}

export function logsSuite(language: Language): void {
  suite(language, "logs", () => {
    it("gives every line of ctx.log the request id of its call", async () => {
      await using server = await ready(language, "logs");
      const names = await callAll(server);
      for (const name of names) {
        await server.out.saying(`fault ${name}`);
        expect(linesOf(server, name).filter((line) => line.includes(" log "))).toEqual([
          `debug log debug ${name}`,
          `info log info ${name}`,
          `warn log warn ${name}`,
          `error log fault ${name}`,
        ]);
      }
      const info = await server.out.saying("info n0");
      expect(info.fields).toEqual({ n: 1 });
      expect(info.ts).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      expect((await server.out.saying("while loading")).request_id).toBeUndefined();
    });

    itUnless(
      language,
      ABSENT.printedRequestId,
      "gives every printed line the request id of its call, across awaits, tasks and threads",
      async () => {
        await using server = await ready(language, "logs");
        for (const name of await callAll(server)) {
          await server.out.saying(`rest ${name}`);
          expect(linesOf(server, name).filter((line) => !line.includes(" log "))).toEqual(
            [
              `error stderr error ${name}`,
              `error stderr written ${name}`,
              `info stdout half ${name} whole ${name}`,
              `info stdout print ${name}`,
              `info stdout rest ${name}`,
              `info stdout task ${name}`,
              ...(language.name === "python" ? [`info stdout thread ${name}`] : []),
            ].toSorted(),
          );
        }
        expect((await server.out.saying("while loading")).stream).toBe("stdout");
      },
    );

    it("cuts long lines and says how many bytes are missing", async () => {
      await using server = await ready(language, "logs");
      expect((await server.call({ path: "/long" })).text).toBe("ok");
      const umlauts = await server.out.find("of umlauts", ({ msg }) => msg.startsWith("ä"));
      expect([Buffer.byteLength(umlauts.msg), umlauts.truncated]).toEqual([LIMIT, 100_000 - LIMIT]);
      const written = await server.out.find("of x", ({ msg }) => msg.startsWith("x"));
      expect([Buffer.byteLength(written.msg), written.truncated]).toEqual([LIMIT, 70_000 - LIMIT]);
      expect((await server.out.saying("short")).truncated).toBeUndefined();
      const fields = await server.out.saying("big fields");
      expect([fields.fields, fields.truncated]).toEqual([undefined, expect.any(Number)]);
    });

    it("loses none of 1 MB of lines and keeps their order", async () => {
      await using server = await ready(language, "logs");
      expect((await server.call({ path: "/much" })).text).toBe("ok");
      await server.out.find("of the end", ({ msg }) => msg.startsWith("1999 "));
      const numbers = server.out.all
        .map(({ msg }) => Number.parseInt(msg, 10))
        .filter((n) => !Number.isNaN(n));
      expect(numbers).toEqual(Array.from({ length: 2000 }, (_, i) => i));
    });

    it("has written everything when user code exits", async () => {
      await using server = await ready(language, "logs");
      await server.call({ path: "/exit", headers: { "x-request-id": "req_exit" } }).catch(() => undefined);
      expect(await server.exited).toBe(3);
      const said = server.out.of("req_exit").map(({ msg }) => msg);
      expect(said.slice(0, 1000)).toEqual(Array.from({ length: 1000 }, (_, i) => `last ${i}`));
    });

    it("leaves plain text written to the descriptor as it is", async () => {
      await using server = await ready(language, "logs");
      await server.call({ path: "/descriptor" });
      expect((await server.out.saying("straight to the descriptor")).stream).toBe("plain");
    });
  });
}
