import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { Wire } from "../client.ts";
import type { Language } from "../languages.ts";
import { boot, ready, type Server } from "../server.ts";
import { suite } from "./suite.ts";

const HELD = "POST / HTTP/1.1\r\nHost: f\r\nContent-Type: application/json\r\nContent-Length: ";

/** A call that runs until the file `open` is there; resolves when it runs. */
async function heldCall(server: Server): Promise<{ wire: Wire; finish: () => Promise<void> }> {
  const file = join(server.directory, "open");
  const body = JSON.stringify({ n: 1, file });
  const wire = new Wire(server.socket);
  wire.send(`${HELD}${body.length}\r\n\r\n${body}`);
  await server.out.saying("started 1");
  return { wire, finish: () => writeFile(file, "") };
}

/** A server that no call has reached; a generic one where the language has such. */
function idleServer(language: Language): Promise<Server> {
  return language.compiled ? ready(language, "gate") : boot(language);
}

export function endSuite(language: Language): void {
  suite(language, "end", () => {
    it("SIGTERM ends an idle server with 0, generic or loaded", async () => {
      await using generic = await idleServer(language);
      await using loaded = await ready(language, "gate");
      const idle = new Wire(loaded.socket);
      idle.send("GET /.hanzo/ready HTTP/1.1\r\nHost: f\r\n\r\n");
      await idle.until("readiness", (received) => received.includes("ready"));
      for (const server of [generic, loaded]) {
        server.child.kill("SIGTERM");
        expect(await server.exited).toBe(0);
      }
    });

    it("SIGTERM lets a running call finish, turns unready and takes no new connection", async () => {
      await using server = await ready(language, "gate");
      const { wire, finish } = await heldCall(server);
      const idle = new Wire(server.socket);
      idle.send("GET /.hanzo/ping HTTP/1.1\r\nHost: f\r\n\r\n");
      await idle.until("a first answer", (received) => received.includes('"ready"'));
      server.child.kill("SIGTERM");
      await idle.untilClosed();
      await expect(server.call({ path: "/.hanzo/ready" })).rejects.toThrow();
      await finish();
      expect(await wire.untilClosed()).toMatch(/^HTTP\/1\.1 200 /);
      expect(await server.exited).toBe(0);
    });

    it("a second SIGTERM ends it at once", async () => {
      await using server = await ready(language, "gate");
      const { wire } = await heldCall(server);
      const idle = new Wire(server.socket);
      idle.send("GET /.hanzo/ping HTTP/1.1\r\nHost: f\r\n\r\n");
      await idle.until("a first answer", (received) => received.includes('"ready"'));
      server.child.kill("SIGTERM");
      await idle.untilClosed();
      server.child.kill("SIGTERM");
      expect(await server.exited).toBe(0);
      await wire.untilClosed();
    });

    it("the end of the drain time ends it", async () => {
      await using server = await ready(language, "gate", {}, { HANZO_FN_DRAIN_MS: "100" });
      await heldCall(server);
      server.child.kill("SIGTERM");
      expect(await server.exited).toBe(0);
    });

    it("the end of the platform's pipe ends it at once, running call or not", async () => {
      await using generic = await idleServer(language);
      await using busy = await ready(language, "gate");
      await heldCall(busy);
      for (const server of [generic, busy]) {
        server.child.stdin?.end();
        expect(await server.exited).toBe(0);
      }
    });
  });
}
