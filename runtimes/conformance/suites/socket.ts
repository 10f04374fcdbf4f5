import { once } from "node:events";
import { afterAll, beforeAll, expect, it } from "vitest";
import { takenUntilStalled, Wire } from "../client.ts";
import type { Language } from "../languages.ts";
import { ready, type Server } from "../server.ts";
import { closePayload, OP, RawSocket, tcpDoor } from "../websocket.ts";
import { suite } from "./suite.ts";

const MIB = 1024 * 1024;
const LIMIT = 16 * MIB;
/** One message of the largest size, what may wait beside it, and what sockets hold on both sides. */
const HELD_MIB = 20;

/** Frames that a server must refuse, and the code it closes with (RFC 6455, section 7.4.1). */
const violations: ReadonlyArray<readonly [name: string, send: (raw: RawSocket) => void, code: number]> = [
  ["a frame without a mask", (raw) => raw.send(OP.text, "x", { masked: false }), 1002],
  ["a reserved bit", (raw) => raw.send(OP.text, "x", { reserved: 4 }), 1002],
  ["an unknown opcode", (raw) => raw.send(3, "x"), 1002],
  ["a ping over 125 bytes", (raw) => raw.send(OP.ping, "x".repeat(126)), 1002],
  ["a ping in pieces", (raw) => raw.send(OP.ping, "x", { final: false }), 1002],
  ["a continuation of nothing", (raw) => raw.send(OP.continuation, "x"), 1002],
  [
    "a message inside another",
    (raw) => {
      raw.send(OP.text, "x", { final: false });
      raw.send(OP.text, "y");
    },
    1002,
  ],
  ["a text that is no UTF-8", (raw) => raw.send(OP.text, new Uint8Array([0xc3, 0x28])), 1007],
  ["a close code that may not be sent", (raw) => raw.send(OP.close, closePayload(1005)), 1002],
];

export function socketSuite(language: Language): void {
  suite(language, "WebSocket", () => {
    let server: Server;
    beforeAll(async () => void (server = await ready(language, "socket")));
    afterAll(() => server[Symbol.asyncDispose]());

    async function opened(path: string, headers: Readonly<Record<string, string>> = {}): Promise<RawSocket> {
      const raw = new RawSocket(server.socket);
      const head = await raw.handshake(path, headers);
      expect(head).toMatch(/^HTTP\/1\.1 101 /);
      return raw;
    }

    it("sends and receives text and bytes, and ends when the client closes", async () => {
      const raw = await opened("/echo", { "X-Request-ID": "req_ws" });
      raw.send(OP.text, "grüße");
      raw.send(OP.binary, new Uint8Array([0, 255]));
      raw.send(OP.text, "");
      expect(await raw.frame()).toEqual({ final: true, op: OP.text, payload: Buffer.from("grüße") });
      expect(await raw.frame()).toEqual({ final: true, op: OP.binary, payload: Buffer.from([0, 255]) });
      expect(await raw.frame()).toEqual({ final: true, op: OP.text, payload: Buffer.alloc(0) });
      raw.send(OP.close, closePayload(4000, "done"));
      const close = await raw.frame();
      expect([close.op, close.payload.readUInt16BE()]).toEqual([OP.close, 4000]);
      const line = await server.out.find("of the end", ({ request_id }) => request_id === "req_ws");
      expect(line.msg).toBe("closed 4000");
    });

    it("names the instance in the head of the handshake", async () => {
      const raw = new RawSocket(server.socket);
      const head = await raw.handshake("/bye");
      expect(head.toLowerCase()).toContain("x-function-instance: fn-embed-00003-local-x1y2z3\r\n");
      raw.destroy();
    });

    it("talks with the client of the platform's Node", async () => {
      await using door = await tcpDoor(server.socket);
      const client = new WebSocket(`ws://127.0.0.1:${door.port}/echo`);
      client.binaryType = "arraybuffer";
      await once(client, "open");
      client.send("text");
      const [text] = (await once(client, "message")) as [MessageEvent];
      client.send(new Uint8Array(100_000).fill(7));
      const [bytes] = (await once(client, "message")) as [MessageEvent];
      client.close(3000, "enough");
      const [close] = (await once(client, "close")) as [CloseEvent];
      expect([text.data, (bytes.data as ArrayBuffer).byteLength]).toEqual(["text", 100_000]);
      expect([close.code, close.wasClean]).toEqual([3000, true]);
    });

    it("puts a message in pieces together, with a ping in between", async () => {
      const raw = await opened("/echo");
      raw.send(OP.text, "gr", { final: false });
      raw.send(OP.ping, "now");
      // The two bytes of one letter in two frames.
      raw.send(OP.continuation, new Uint8Array([0xc3]), { final: false });
      raw.send(OP.continuation, new Uint8Array([0xbc]));
      expect(await raw.frame()).toEqual({ final: true, op: OP.pong, payload: Buffer.from("now") });
      expect(await raw.frame()).toEqual({ final: true, op: OP.text, payload: Buffer.from("grü") });
      raw.send(OP.pong, "unasked");
      raw.send(OP.text, "still");
      expect(String((await raw.frame()).payload)).toBe("still");
      raw.destroy();
    });

    it("takes messages of every length of head up to 16 MiB, and closes with 1009 beyond", async () => {
      const raw = await opened("/echo");
      for (const size of [125, 126, 65_535, 65_536, LIMIT]) {
        raw.send(OP.binary, Buffer.alloc(size, 1));
        const parts = [await raw.frame()];
        while (!parts.at(-1)?.final) parts.push(await raw.frame());
        expect(parts.reduce((sum, { payload }) => sum + payload.length, 0)).toBe(size);
      }
      raw.send(OP.binary, Buffer.alloc(LIMIT + 1));
      expect((await raw.closed())?.code).toBe(1009);
    });

    it("closes with 1009 where the pieces grow too long", async () => {
      const raw = await opened("/echo");
      raw.send(OP.binary, Buffer.alloc(LIMIT), { final: false });
      raw.send(OP.continuation, "x");
      expect((await raw.closed())?.code).toBe(1009);
    });

    it.each(violations)("closes after %s", async (_, violate, code) => {
      const raw = await opened("/echo");
      violate(raw);
      expect((await raw.closed())?.code).toBe(code);
    });

    it("ends with the handler: 1000 at its return", async () => {
      const raw = await opened("/bye");
      expect(String((await raw.frame()).payload)).toBe("bye");
      expect(await raw.closed()).toMatchObject({ code: 1000 });
    });

    it("closes with 1011 where the handler raises, and logs the trace", async () => {
      const raw = await opened("/raise", { "X-Request-ID": "req_ws_raise" });
      expect(await raw.closed()).toMatchObject({ code: 1011 });
      const line = await server.out.find("of the error", ({ request_id }) => request_id === "req_ws_raise");
      expect([line.level, line.msg]).toEqual(["error", expect.stringContaining("in the socket")]);
    });

    it("closes with the code and reason that the handler gives", async () => {
      const raw = await opened("/close");
      expect(await raw.closed()).toEqual({ code: 4001, reason: "own reason" });
    });

    it("answers in plain HTTP where the handler does not accept", async () => {
      const answer = await server.call({
        path: "/plain",
        headers: {
          connection: "Upgrade",
          upgrade: "websocket",
          "sec-websocket-version": "13",
          "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
        },
      });
      expect([answer.status, answer.text]).toEqual([200, "plain"]);
    });

    it("lets a handler accept only where there is an upgrade, and only once", async () => {
      expect((await server.call({ path: "/any" })).text).toBe("no upgrade");
      const other = await server.call({
        path: "/any",
        headers: { connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "12" },
      });
      expect(other.text).toBe("no upgrade");
      const raw = await opened("/twice");
      expect(String((await raw.frame()).payload)).toBe("refused");
      expect(await raw.closed()).toMatchObject({ code: 1000 });
    });

    it("holds a client up whose messages the handler does not receive", async () => {
      const raw = await opened("/wait");
      await raw.frame();
      for (let i = 0; i < 64; i++) raw.send(OP.binary, Buffer.alloc(MIB));
      expect(await takenUntilStalled(raw.socket)).toBeLessThan(HELD_MIB * MIB);
      raw.destroy();
    });

    it("cancels the handler when the client goes away without a close", async () => {
      const raw = await opened("/wait", { "X-Request-ID": "req_ws_gone" });
      await raw.frame();
      raw.destroy();
      const line = await server.out.find("of the end", ({ request_id }) => request_id === "req_ws_gone");
      expect(line.msg).toBe("cancelled");
    });

    it("ends at the deadline of the call", async () => {
      const raw = await opened("/wait", { "X-Function-Deadline-Ms": "100" });
      await raw.frame();
      await raw.closed();
      expect(raw.socket.destroyed || raw.socket.readableEnded).toBe(true);
    });

    it("stays open while it drains, and closes with 1001 at the end of the drain time", async () => {
      await using own = await ready(language, "socket", {}, { HANZO_FN_DRAIN_MS: "300" });
      const raw = new RawSocket(own.socket);
      await raw.handshake("/echo");
      const idle = new Wire(own.socket);
      idle.send("GET /.hanzo/ping HTTP/1.1\r\nHost: f\r\n\r\n");
      await idle.until("a first answer", (received) => received.includes('"ready"'));
      own.child.kill("SIGTERM");
      await idle.untilClosed();
      raw.send(OP.text, "still here");
      expect(String((await raw.frame()).payload)).toBe("still here");
      expect(await raw.closed()).toMatchObject({ code: 1001 });
      expect(await own.exited).toBe(0);
    });
  });
}
