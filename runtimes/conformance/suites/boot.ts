import { expect, it } from "vitest";
import { Wire } from "../client.ts";
import type { Language } from "../languages.ts";
import { boot, freePort, ready } from "../server.ts";
import { suite } from "./suite.ts";

const IDENTITY = { function: "f", revision: "f-00001", instance: "i", org: "o" };

export function bootSuite(language: Language): void {
  suite(language, "boot", () => {
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
      await using server = await boot(language, {
        fixture: "logs",
        heldStdin: false,
        order: IDENTITY,
      });
      await server.out.saying("while loading");
      await server.loaded();
      const answer = await server.call({ path: "/descriptor" });
      expect([answer.status, answer.headers["x-function-instance"]]).toEqual([200, "i"]);
      expect((await server.specialise()).status).toBe(409);
    });

    it("says on its first answer, and on no other, how long boot and load took", async () => {
      await using server = await ready(language, "echo");
      const first = await server.call({ body: "{", headers: { "content-type": "application/json" } });
      expect(first.headers["x-function-cold-start"]).toMatch(/^boot=\d+\.\d, load=\d+\.\d$/);
      expect((await server.call()).headers["x-function-cold-start"]).toBeUndefined();
    });

    it("ends with 70 and one line where it cannot listen", async () => {
      const env = { HANZO_FN_SOCKET: "/nowhere/at/all/s" };
      await expect(boot(language, { fixture: "echo", order: {}, env })).rejects.toThrow(
        /ended with 70 before it listened: [^\n]+$/,
      );
    });

    it("listens on PORT where no socket is named", async () => {
      const port = await freePort();
      await using server = await boot(language, {
        fixture: "echo",
        order: {},
        env: { HANZO_FN_SOCKET: "", PORT: String(port), HANZO_FN_HOST: "127.0.0.1" },
        port,
      });
      const wire = new Wire({ port, host: "127.0.0.1" });
      wire.send("GET /here HTTP/1.1\r\nHost: f\r\nConnection: close\r\n\r\n");
      expect(await wire.untilClosed()).toMatch(/^HTTP\/1\.1 (?:200|503) /);
      expect(server.child.exitCode).toBeNull();
    });
  });
}
