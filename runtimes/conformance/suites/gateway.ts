import { once } from "node:events";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { Wire } from "../client.ts";
import { FakeGateway, GATEWAY_TOKEN, type Play } from "../fake-gateway.ts";
import type { Language } from "../languages.ts";
import { ready, SHARED, type Server } from "../server.ts";
import { kvCases } from "./gateway-kv.ts";
import { storageCases } from "./gateway-storage.ts";
import { suite } from "./suite.ts";

const REFUSAL: Play = {
  status: 409,
  json: {
    status: "error",
    code: 409,
    error: "conflict",
    msg: "the key holds a list",
    component: "gateway",
    requestId: "req_1",
    next: "use another key",
  },
};

export function gatewaySuite(language: Language): void {
  suite(language, "the gateway", () => {
    const gateway = new FakeGateway();
    let server: Server;
    let directory: string;
    beforeAll(async () => {
      await mkdir(SHARED, { recursive: true });
      directory = await mkdtemp(join(SHARED, "g-"));
      await chmod(directory, 0o755);
      const url = await gateway.listen(join(directory, "g"));
      await mkdir(join(directory, "models", "here"), { recursive: true });
      await writeFile(join(directory, "models", "here", "config.json"), "{}");
      server = await ready(language, "gateway", {
        gateway: { url, token: GATEWAY_TOKEN },
        models: join(directory, "models"),
      });
    });
    beforeEach(() => {
      gateway.seen.length = 0;
      gateway.play = () => undefined;
    });
    afterAll(async () => {
      await server[Symbol.asyncDispose]();
      await gateway[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    });

    /** One method of the SDK; what it gave, or its GatewayError. */
    async function use(path: string, data: unknown, headers: Record<string, string> = {}): Promise<unknown> {
      const answer = await server.call({
        path,
        body: JSON.stringify(data),
        headers: { "content-type": "application/json", ...headers },
      });
      expect([answer.status, answer.text]).toEqual([200, expect.any(String)]);
      const { value, error } = answer.json as { value?: unknown; error?: unknown };
      return error === undefined ? value : { error };
    }

    it.each(kvCases)("ctx.kv: $name", async ({ path, data, command, answer, value }) => {
      gateway.play = () => ({ json: { value: answer } });
      expect(await use(path, data)).toEqual(value);
      expect(gateway.seen.map(({ method, url }) => `${method} ${url}`)).toEqual(["POST /v1/kv"]);
      expect(gateway.commands()).toEqual([command]);
    });

    it("ctx.kv: scan asks for page after page", async () => {
      const pages = [
        { keys: ["a1", "a2"], cursor: "c1" },
        { keys: [], cursor: "c2" },
        { keys: ["a3"], cursor: null },
      ];
      gateway.play = () => ({ json: { value: pages.shift() } });
      expect(await use("/kv/scan", { pattern: "a*" })).toEqual(["a1", "a2", "a3"]);
      expect(gateway.commands()).toMatchObject([
        { op: "scan", pattern: "a*" },
        { op: "scan", pattern: "a*", cursor: "c1" },
        { op: "scan", pattern: "a*", cursor: "c2" },
      ]);
    });

    it("says who it is and which call it belongs to", async () => {
      await use(
        "/kv/get",
        { key: "a" },
        { "x-request-id": "req_gw", traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" },
      );
      expect(gateway.seen[0]?.headers).toMatchObject({
        authorization: `Bearer ${GATEWAY_TOKEN}`,
        "x-request-id": "req_gw",
        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "content-type": "application/json",
      });
    });

    storageCases(gateway, use, () => server);

    it("ctx.publish sends the subject and the data and gives the id", async () => {
      gateway.play = () => ({ json: { id: "m1" } });
      expect(await use("/publish", { subject: "mq.notify.support", data: { n: 1 } })).toBe("m1");
      expect(await use("/publish", { subject: "orders", data: "text", id: "own" })).toBe("m1");
      expect(gateway.seen.map(({ method, url, json }) => [method, url, json])).toEqual([
        ["POST", "/v1/publish", { subject: "mq.notify.support", data: { n: 1 } }],
        ["POST", "/v1/publish", { subject: "orders", data: "text", id: "own" }],
      ]);
    });

    it("ctx.model takes a model of the models directory without asking", async () => {
      expect(await use("/model", { name: "here" })).toEqual({
        name: "here",
        path: join(directory, "models", "here"),
      });
      expect(gateway.seen).toEqual([]);
    });

    it("ctx.model asks the gateway for any other", async () => {
      gateway.play = () => ({
        json: { name: "bge", path: "/models/bge", digest: "sha256:0", files: [] },
      });
      expect(await use("/model", { name: "bge" })).toEqual({ name: "bge", path: "/models/bge" });
      expect(gateway.seen.map(({ method, url, json }) => [method, url, json])).toEqual([
        ["POST", "/v1/models", { name: "bge" }],
      ]);
    });

    it("ctx.model never leaves the models directory", async () => {
      gateway.play = () => ({
        status: 404,
        json: { status: "error", code: 404, error: "not_found", msg: "looked in a, b" },
      });
      for (const name of ["../models/here", "..", "."]) {
        expect(await use("/model", { name })).toMatchObject({ error: { code: expect.any(String) } });
      }
    });

    it.each(["", "a\0b", "../other", "fn:other/f:a", "ü".repeat(600)])(
      "leaves it to the gateway to judge a key or a ref (%j)",
      async (name) => {
        const error = { status: 400, code: "bad_request", message: "no" };
        gateway.play = () => ({ status: 400, json: { error: "bad_request", msg: "no" } });
        expect(await use("/kv/get", { key: name })).toEqual({ error });
        expect(await use("/storage/get", { ref: name })).toEqual({ error });
        const [kv, storage] = gateway.seen;
        expect(kv?.json).toEqual({ op: "get", key: name });
        expect(new URL(storage?.url ?? "", "http://g").searchParams.get("ref")).toBe(name);
      },
    );

    it("gives the platform's refusal as GatewayError", async () => {
      gateway.play = () => REFUSAL;
      const refusal = { error: { code: "conflict", status: 409, message: "the key holds a list" } };
      for (const [path, data] of [
        ["/kv/get", { key: "a" }],
        ["/storage/get", { ref: "a" }],
        ["/storage/put", { ref: "a", text: "x" }],
        ["/storage/list", { prefix: "" }],
        ["/publish", { subject: "mq.a", data: 1 }],
        ["/model", { name: "m" }],
      ] as const) {
        expect(await use(path, data)).toEqual(refusal);
      }
    });

    it("keeps its connection from call to call, and uses more where several are under way", async () => {
      await use("/kv/get", { key: "a" });
      await use("/kv/get", { key: "b" });
      await use("/publish", { subject: "mq.a", data: 1 });
      expect(new Set(gateway.seen.map(({ connection }) => connection)).size).toBe(1);
      gateway.seen.length = 0;
      // Each waits for the other: one connection could not carry both.
      const waiting: Array<() => void> = [];
      gateway.play =
        ({ json }) =>
        (_, response) => {
          waiting.push(() =>
            response.end(JSON.stringify({ value: { text: (json as { key: string }).key } })),
          );
          if (waiting.length === 2) for (const answer of waiting) answer();
        };
      expect(await use("/both", { keys: ["a", "b"] })).toEqual(["a", "b"]);
    });

    it("opens a new connection where the kept one has been closed", async () => {
      await use("/kv/get", { key: "a" });
      const closed = [...gateway.connections].map((socket: Socket) => {
        const end = once(socket, "close");
        socket.end();
        return end;
      });
      await Promise.all(closed);
      expect(await use("/kv/get", { key: "b" })).toBeNull();
    });

    it("repeats nothing that may have reached the gateway", async () => {
      gateway.play = () => (_, __, socket) => socket.destroy();
      expect(await use("/kv/incr", { key: "a" })).toMatchObject({
        error: { code: "unavailable", status: 503 },
      });
      expect(gateway.seen).toHaveLength(1);
    });

    it.each(["the caller goes away", "the deadline"])("gives up its request: %s", async (why) => {
      const { promise: arrived, resolve } = Promise.withResolvers<Socket>();
      gateway.play = () => (_, __, socket) => resolve(socket);
      const body = '{"key":"a"}';
      const deadline = why === "the deadline" ? "X-Function-Deadline-Ms: 100\r\n" : "";
      const wire = new Wire(server.socket);
      wire.send(
        `POST /kv/get HTTP/1.1\r\nHost: f\r\n${deadline}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
      const socket = await arrived;
      if (why !== "the deadline") wire.close();
      if (!socket.destroyed) await once(socket, "close");
      wire.close();
      expect(await use("/model", { name: "here" })).toMatchObject({ name: "here" });
    });

    it("speaks TCP too", async () => {
      await using tcp = new FakeGateway();
      tcp.play = () => ({ json: { value: { text: "v" } } });
      const url = await tcp.listen();
      await using own = await ready(language, "gateway", { gateway: { url, token: GATEWAY_TOKEN } });
      const answer = await own.call({ path: "/kv/get?key=a" });
      expect(answer.json).toEqual({ value: "v" });
      expect(tcp.seen[0]?.headers.authorization).toBe(`Bearer ${GATEWAY_TOKEN}`);
    });

    it("says what to do where there is no gateway, and where it does not answer", async () => {
      await using none = await ready(language, "gateway");
      await using gone = await ready(language, "gateway", {
        gateway: { url: "unix:/nowhere/at/all", token: GATEWAY_TOKEN },
      });
      for (const [own, path] of [
        [none, "/kv/get?key=a"],
        [none, "/storage/get?ref=a"],
        [none, "/publish?subject=mq.a&data=1"],
        [none, "/model?name=m"],
        [gone, "/kv/get?key=a"],
      ] as const) {
        const answer = await own.call({ path });
        expect(answer.json).toMatchObject({
          error: { code: "unavailable", status: 503, message: expect.stringMatching(/gateway/) },
        });
      }
    });
  });
}
