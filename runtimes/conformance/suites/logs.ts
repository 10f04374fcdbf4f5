import { expect, it } from "vitest";
import type { Language } from "../languages.ts";
import { ready } from "../server.ts";
import { suite } from "./suite.ts";

const LIMIT = 64 * 1024;

export function logsSuite(language: Language): void {
  suite(language, "logs", () => {
    it("gives every line the request id of its call, across awaits, tasks and threads", async () => {
      await using server = await ready(language, "logs");
      const names = Array.from({ length: 10 }, (_, i) => `n${i}`);
      const headers = { "content-type": "application/json" };
      await Promise.all(
        names.map((name) =>
          server.call({
            body: JSON.stringify({ name }),
            headers: { ...headers, "x-request-id": `req_${name}` },
          }),
        ),
      );
      for (const name of names) {
        await server.out.saying(`rest ${name}`);
        const lines = server.out
          .of(`req_${name}`)
          .map(({ level, stream, msg }) => `${level} ${stream} ${msg}`);
        expect(lines.toSorted()).toEqual(
          [
            `info stdout print ${name}`,
            `error stderr error ${name}`,
            `debug log debug ${name}`,
            `info log info ${name}`,
            `warn log warn ${name}`,
            `error log fault ${name}`,
            `info stdout task ${name}`,
            `info stdout half ${name} whole ${name}`,
            `info stdout rest ${name}`,
            `error stderr written ${name}`,
            ...(language.name === "python" ? [`info stdout thread ${name}`] : []),
          ].toSorted(),
        );
      }
      const info = await server.out.saying("info n0");
      expect(info.fields).toEqual({ n: 1 });
      expect(info.ts).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      const loading = await server.out.saying("while loading");
      expect([loading.stream, loading.request_id]).toEqual(["stdout", undefined]);
    });

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
