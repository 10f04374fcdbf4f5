import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { Language } from "../languages.ts";
import { boot, ready } from "../server.ts";
import { loadFailures } from "./load-failures.ts";
import { suite } from "./suite.ts";

export function bootSuite(language: Language): void {
  suite(language, "boot and specialise", () => {
    it("answers ping and is not ready while generic, and refuses calls", async () => {
      await using server = await boot(language);
      expect(await server.state()).toBe("generic");
      const probe = await server.call({ path: "/.hanzo/ready" });
      expect([probe.status, probe.json]).toEqual([503, { state: "generic" }]);
      const call = await server.call({ path: "/anything" });
      expect([call.status, call.headers["x-function-error"]]).toEqual([503, "not_ready"]);
    });

    it("is ready once the code has loaded, and says how long that took", async () => {
      await using server = await boot(language, { fixture: "echo" });
      const answer = await server.specialise();
      expect([answer.status, answer.json]).toEqual([200, { load_ms: expect.any(Number) }]);
      const probe = await server.call({ path: "/.hanzo/ready" });
      expect([probe.status, probe.json]).toEqual([200, { state: "ready" }]);
    });

    it("refuses a bad token, a second time and a body that is not an order", async () => {
      await using server = await boot(language, { fixture: "echo" });
      expect((await server.specialise({}, "guess")).status).toBe(401);
      expect((await server.specialise({}, "")).status).toBe(401);
      expect((await server.specialise({ entry: undefined })).status).toBe(400);
      expect(await server.state()).toBe("generic");
      expect((await server.specialise()).status).toBe(200);
      expect((await server.specialise()).status).toBe(409);
      expect(await server.state()).toBe("ready");
    });

    for (const failure of loadFailures[language.name]) {
      it(`answers ${failure.kind} where ${failure.name}`, async () => {
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

    it("ends with the code of an exit while loading", async () => {
      await using server = await boot(language);
      const [file, code] =
        language.name === "python"
          ? ["handler.py", "import os; os._exit(9)"]
          : ["handler.mjs", "process.exit(9)"];
      await writeFile(join(server.source, file), code);
      await expect(server.specialise()).rejects.toThrow();
      expect(await server.exited).toBe(9);
    });

    it("shows user code its own environment and none of the platform's", async () => {
      await using server = await ready(language, "echo", { environment: { MODEL: "small", EMPTY: "" } });
      const { environment, cwd, control } = (await server.call({ path: "/environment" })).json as {
        environment: Record<string, string>;
        cwd: string;
        control: boolean;
      };
      expect(Object.keys(environment).filter((name) => name.startsWith("HANZO_FN_"))).toEqual([]);
      expect(environment).toMatchObject({
        MODEL: "small",
        EMPTY: "",
        HANZO_FUNCTION: "embed",
        HANZO_REVISION: "embed-00003",
        HANZO_ORG: "acme",
        K_SERVICE: "embed",
        K_REVISION: "embed-00003",
        K_CONFIGURATION: "embed",
        TMPDIR: server.directory,
      });
      expect([cwd, control]).toEqual([server.source, true]);
    });

    it("boots specialised from its environment", async () => {
      const identity = {
        HANZO_FN_FUNCTION: "f",
        HANZO_FN_REVISION: "f-00001",
        HANZO_FN_INSTANCE: "i",
        HANZO_FN_ORG: "o",
      };
      await using server = await boot(language, {
        fixture: "logs",
        heldStdin: false,
        env: { HANZO_FN_SOURCE: "<source>", HANZO_FN_ENTRY: "handler.handle", ...identity },
      });
      await server.out.saying("while loading");
      const answer = await server.call({ path: "/descriptor" });
      expect([answer.status, answer.headers["x-function-instance"]]).toEqual([200, "i"]);
      expect((await server.specialise()).status).toBe(409);
    });

    it("logs why a specialised boot cannot load, and ends with 1", async () => {
      await using server = await boot(language, {
        env: { HANZO_FN_SOURCE: "<source>", HANZO_FN_ENTRY: "nowhere.handle" },
        mayEnd: true,
      });
      expect(await server.exited).toBe(1);
      const line = await server.out.find("of the failure", ({ msg }) =>
        msg.startsWith("load failed: file_missing: "),
      );
      expect(line.level).toBe("error");
    });

    it("ends with 70 and one line where it cannot listen", async () => {
      await expect(boot(language, { env: { HANZO_FN_SOCKET: "/nowhere/at/all/s" } })).rejects.toThrow(
        /ended with 70 before it listened: [^\n]+$/,
      );
    });
  });
}
