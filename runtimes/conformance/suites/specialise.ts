import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import type { Language } from "../languages.ts";
import { boot } from "../server.ts";
import { loadFailures } from "./load-failures.ts";
import { ABSENT, itUnless, suite } from "./suite.ts";

export function specialiseSuite(language: Language): void {
  suite(language, "a generic worker and specialise", () => {
    itUnless(
      language,
      ABSENT.generic,
      "answers ping and is not ready while generic, and refuses calls",
      async () => {
        await using server = await boot(language);
        expect(await server.state()).toBe("generic");
        const probe = await server.call({ path: "/.hanzo/ready" });
        expect([probe.status, probe.json]).toEqual([503, { state: "generic" }]);
        const call = await server.call({ path: "/anything" });
        expect([call.status, call.headers["x-function-error"]]).toEqual([503, "not_ready"]);
      },
    );

    itUnless(
      language,
      ABSENT.generic,
      "is ready once the code has loaded, and says how long that took",
      async () => {
        await using server = await boot(language, { fixture: "echo" });
        const answer = await server.specialise();
        expect([answer.status, answer.json]).toEqual([200, { load_ms: expect.any(Number) }]);
        const probe = await server.call({ path: "/.hanzo/ready" });
        expect([probe.status, probe.json]).toEqual([200, { state: "ready" }]);
      },
    );

    itUnless(
      language,
      ABSENT.generic,
      "refuses a bad token, a second time and a body that is not an order",
      async () => {
        await using server = await boot(language, { fixture: "echo" });
        expect((await server.specialise({}, "guess")).status).toBe(401);
        expect((await server.specialise({}, "")).status).toBe(401);
        expect((await server.specialise({ entry: undefined })).status).toBe(400);
        expect(await server.state()).toBe("generic");
        expect((await server.specialise()).status).toBe(200);
        expect((await server.specialise()).status).toBe(409);
        expect(await server.state()).toBe("ready");
      },
    );

    for (const failure of loadFailures[language.name] ?? []) {
      itUnless(language, ABSENT.generic, `answers ${failure.kind} where ${failure.name}`, async () => {
        await using server = await boot(language);
        if (failure.file !== undefined) await writeFile(join(server.source, failure.file), failure.code);
        const answer = await server.specialise({ entry: failure.entry });
        expect([answer.status, answer.json]).toEqual([
          422,
          {
            error: {
              kind: failure.kind,
              message: expect.stringMatching(failure.message),
              trace: expect.any(String),
            },
          },
        ]);
        expect(await server.state()).toBe("failed");
        expect((await server.call()).headers["x-function-error"]).toBe("not_ready");
        expect((await server.specialise()).status).toBe(409);
      });
    }

    itUnless(language, ABSENT.generic, "ends with the code of an exit while loading", async () => {
      await using server = await boot(language);
      const [file, code] =
        language.name === "python"
          ? ["handler.py", "import os; os._exit(9)"]
          : ["handler.mjs", "process.exit(9)"];
      await writeFile(join(server.source, file), code);
      await expect(server.specialise()).rejects.toThrow();
      expect(await server.exited).toBe(9);
    });

    itUnless(
      language,
      ABSENT.generic,
      "logs why a specialised boot cannot load, and ends with 1",
      async () => {
        await using server = await boot(language, {
          env: { HANZO_FN_SOURCE: "<source>", HANZO_FN_ENTRY: "nowhere.handle" },
          mayEnd: true,
        });
        expect(await server.exited).toBe(1);
        const line = await server.out.find("of the failure", ({ msg }) =>
          msg.startsWith("load failed: file_missing: "),
        );
        expect(line.level).toBe("error");
      },
    );
  });
}
