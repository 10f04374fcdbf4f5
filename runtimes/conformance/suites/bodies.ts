import { once } from "node:events";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { open, openStream, takenUntilStalled, Wire } from "../client.ts";
import type { Language } from "../languages.ts";
import { growthDuring } from "../memory.ts";
import { ready, type Server } from "../server.ts";
import { suite } from "./suite.ts";

const MIB = 1024 * 1024;
/** What a server may take for a stream of any length: buffers, and garbage that is not collected yet. */
const CONSTANT_MIB = 70;
/** The 1 MiB that a server may hold, and what sockets hold on both sides. */
const HELD_MIB = 4;
const QUIET_MS = 300;

/** `count` pieces of 1 MiB; piece i is full of the byte i. */
function* pieces(count: number): Generator<Buffer> {
  for (let i = 0; i < count; i++) yield Buffer.alloc(MIB, i);
}

/** What `/count` answers for those pieces. */
function counted(count: number): { size: number; sum: number } {
  let sum = 0;
  for (let i = 0; i < count; i++) sum = (sum + (i % 256) * MIB) % 2 ** 32;
  return { size: count * MIB, sum };
}

async function measure(source: AsyncIterable<Buffer>): Promise<{ size: number; sum: number }> {
  let size = 0;
  let sum = 0;
  for await (const chunk of source) {
    size += chunk.length;
    for (const byte of chunk) sum = (sum + byte) >>> 0;
  }
  return { size, sum };
}

/** Writes until the other side takes no more for a while; the bytes that left this process. */
async function writeUntilStalled(wire: Wire, mib: number): Promise<number> {
  for (const piece of pieces(mib)) wire.socket.write(piece);
  return takenUntilStalled(wire.socket);
}

export function bodiesSuite(language: Language): void {
  suite(language, "bodies as streams", () => {
    let server: Server;
    beforeAll(async () => void (server = await ready(language, "bodies")));
    afterAll(() => server[Symbol.asyncDispose]());

    it("calls the handler when the head is there, without data and body", async () => {
      const wire = new Wire(server.socket);
      wire.send(
        "POST /look?x=1 HTTP/1.1\r\nHost: f\r\nX-Own: 2\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n",
      );
      const received = await wire.until("the answer", (text) => text.endsWith("}"));
      const body = JSON.parse(received.slice(received.indexOf("\r\n\r\n"))) as unknown;
      expect(body).toEqual({ data: null, size: 0, query: "1", header: "2", type: "http" });
      wire.close();
    });

    it("drops up to 1 MiB that the handler did not read, and keeps the connection", async () => {
      const wire = new Wire(server.socket);
      wire.send("POST /look HTTP/1.1\r\nHost: f\r\nContent-Length: 500000\r\n\r\n");
      await wire.until("the answer", (text) => text.endsWith("}"));
      wire.send("x".repeat(500_000));
      wire.send("GET /release HTTP/1.1\r\nHost: f\r\nConnection: close\r\n\r\n");
      expect(await wire.untilClosed()).toMatch(/\}HTTP\/1\.1 200 [^]*\r\n\r\nreleased$/);
    });

    it("closes the connection where the handler left more than 1 MiB", async () => {
      const wire = new Wire(server.socket);
      wire.send(`POST /look HTTP/1.1\r\nHost: f\r\nContent-Length: ${8 * MIB}\r\n\r\n`);
      await wire.until("the answer", (text) => text.endsWith("}"));
      for (const piece of pieces(8)) wire.socket.write(piece);
      expect(await wire.untilClosed()).toMatch(/^HTTP\/1\.1 200 [^]*\}$/);
    });

    it("gives every byte in order, whole and chunked, empty ones too", async () => {
      const body = Buffer.concat([...pieces(3)]);
      const whole = await server.call({ path: "/count", body });
      const chunked = await server.call({
        path: "/count",
        body,
        headers: { "transfer-encoding": "chunked", "content-length": [] },
      });
      expect([whole.json, chunked.json]).toEqual([counted(3), counted(3)]);
      const none = await server.call({ path: "/count", method: "POST" });
      expect(none.json).toEqual({ size: 0, sum: 0 });
    });

    it("gives a piece as soon as it is there", async () => {
      const { outgoing, answer } = openStream(server.socket, "/echo");
      outgoing.write("one");
      const pieces = (await answer)[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
      expect(String((await pieces.next()).value)).toBe("one");
      outgoing.write("two");
      expect(String((await pieces.next()).value)).toBe("two");
      outgoing.end();
      expect((await pieces.next()).done).toBe(true);
    });

    it("is not bound by the limit for buffered bodies", async () => {
      await using small = await ready(language, "bodies", {}, { HANZO_FN_MAX_BODY_BYTES: "1024" });
      const answer = await small.call({ path: "/count", body: Buffer.alloc(3 * MIB, 1) });
      expect([answer.status, answer.json]).toEqual([200, { size: 3 * MIB, sum: 3 * MIB }]);
    });

    it("answers Expect: 100-continue", async () => {
      const wire = new Wire(server.socket);
      wire.send(
        "POST /count HTTP/1.1\r\nHost: f\r\nContent-Length: 4\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n",
      );
      await wire.until("the interim answer", (text) => text.startsWith("HTTP/1.1 100 "));
      wire.send("four");
      expect((await wire.untilClosed()).replaceAll(" ", "")).toContain('"size":4');
    });

    it("answers after the first piece and leaves the rest", async () => {
      const { outgoing, answer } = openStream(server.socket, "/first");
      outgoing.write("four");
      expect(JSON.parse(String((await (await answer).toArray())[0]))).toEqual({ size: 4 });
      outgoing.end("the rest");
    });

    it.each(["by the client", "by bad framing"])(
      "raises in the read where the body ends early (%s)",
      async (how) => {
        await using own = await ready(language, "bodies");
        const wire = new Wire(own.socket);
        wire.send("POST /broken HTTP/1.1\r\nHost: f\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n");
        await own.out.saying("reading");
        if (how === "by the client") wire.close();
        else wire.send("zzz\r\n");
        await own.out.saying("broken");
        if (how !== "by the client") await wire.untilClosed();
        expect((await own.call({ path: "/count", body: "next" })).json).toMatchObject({ size: 4 });
      },
    );

    it("cancels a handler that waits for a body at the deadline", async () => {
      const wire = new Wire(server.socket);
      wire.send(
        "POST /count HTTP/1.1\r\nHost: f\r\nX-Function-Deadline-Ms: 80\r\nContent-Length: 10\r\n\r\nonly",
      );
      expect(await wire.untilClosed()).toMatch(/^HTTP\/1\.1 504 /);
    });

    it("reads only as fast as the handler does", async () => {
      await using own = await ready(language, "bodies");
      const wire = new Wire(own.socket);
      wire.send(`POST /held HTTP/1.1\r\nHost: f\r\nConnection: close\r\nContent-Length: ${32 * MIB}\r\n\r\n`);
      await own.out.saying("holding");
      expect(await writeUntilStalled(wire, 32)).toBeLessThan(HELD_MIB * MIB);
      await own.call({ path: "/release" });
      const received = await wire.untilClosed();
      expect(JSON.parse(received.slice(received.indexOf("\r\n\r\n")))).toEqual(counted(32));
    });

    it("streams 100 MB in and out at the same time in constant memory", async () => {
      await using own = await ready(language, "bodies");
      await own.call({ path: "/echo", body: "warm" });
      const growth = await growthDuring(own, async () => {
        const { outgoing, answer } = openStream(own.socket, "/echo");
        const sent = pipeline(Readable.from(pieces(100)), outgoing);
        expect(await measure(await answer)).toEqual(counted(100));
        await sent;
      });
      expect(growth).toBeLessThan(CONSTANT_MIB);
    });

    it("is held up by a reader that does not read, in constant memory", async () => {
      await using own = await ready(language, "bodies");
      await own.call({ path: "/release" });
      const growth = await growthDuring(own, async () => {
        const incoming = await open(own.socket, { path: "/lend" });
        await once(incoming, "readable");
        await delay(QUIET_MS);
        expect(await measure(incoming)).toEqual(counted(100));
      });
      expect(growth).toBeLessThan(CONSTANT_MIB);
    });
  });
}
