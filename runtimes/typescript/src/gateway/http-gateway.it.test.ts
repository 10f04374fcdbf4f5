import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Gateway } from "./gateway.ts";
import { createHttpGateway } from "./http-gateway.ts";

const IDENTITY = { requestId: "req_1", traceparent: undefined, tracestate: "a=b" };

describe("createHttpGateway", () => {
  let directory: string;
  let answer: (request: IncomingMessage, response: ServerResponse) => void;
  let connections: Set<Socket>;
  let seen: string[];
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    answer(request, response);
  });
  server.on("connection", (socket: Socket) => {
    connections.add(socket);
    socket.on("close", () => connections.delete(socket));
  });

  let connect: (signal?: AbortSignal) => Gateway;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "hzfn-"));
    connections = new Set();
    seen = [];
    answer = (_, response) => response.end("{}");
    const path = join(directory, "g");
    server.listen(path);
    await once(server, "listening");
    const open = createHttpGateway({ url: `unix:${path}`, token: "t" });
    connect = (signal = new AbortController().signal) => open({ ...IDENTITY, signal });
  });
  afterEach(async () => {
    server.close();
    server.closeAllConnections();
    await rm(directory, { recursive: true, force: true });
  });

  /** A kept connection that the other side has closed without this process knowing yet. */
  async function stale(gateway: Gateway): Promise<void> {
    await (await gateway.request({ method: "GET", path: "/first" })).bytes();
    await turn();
    for (const socket of connections) socket.destroy();
  }

  it("sends a request again where the kept connection was closed before it took a byte", async () => {
    const gateway = connect();
    await stale(gateway);
    const answered = await gateway.request({ method: "POST", path: "/second", body: '{"n":1}' });
    expect([answered.status, seen]).toEqual([200, ["GET /first", "POST /second"]]);
  });

  it("does not send a stream again, whose pieces are gone", async () => {
    const gateway = connect();
    await stale(gateway);
    const body = (async function* () {
      yield new Uint8Array(1);
    })();
    await expect(gateway.request({ method: "PUT", path: "/second", body })).rejects.toMatchObject({
      code: "unavailable",
      status: 503,
    });
    expect(seen).toEqual(["GET /first"]);
  });

  it("says what the source of a stream threw", async () => {
    const body = (async function* () {
      yield new Uint8Array(1);
      throw new RangeError("from the source");
    })();
    await expect(connect().request({ method: "PUT", path: "/", body })).rejects.toThrow("from the source");
  });

  it("takes an answer that comes before the end of the body", async () => {
    answer = (request, response) => {
      response.writeHead(413, { "content-type": "application/json" });
      response.end('{"error":"payload_too_large","msg":"too much","next":"send less"}');
      request.resume();
    };
    const body = (async function* () {
      for (let i = 0; i < 200; i++) yield new Uint8Array(64 * 1024);
    })();
    await expect(connect().request({ method: "PUT", path: "/", body })).rejects.toMatchObject({
      code: "payload_too_large",
      status: 413,
      message: "too much",
      next: "send less",
    });
  });

  it("gives a refusal without the platform's body a code by its status", async () => {
    answer = (_, response) => response.writeHead(403).end("<p>");
    await expect(connect().request({ method: "GET", path: "/x" })).rejects.toMatchObject({
      code: "forbidden",
      message: "the gateway answered GET /x with 403",
    });
  });

  it("rejects with the reason of the call's end, before and during a request", async () => {
    const controller = new AbortController();
    answer = () => controller.abort(new RangeError("the deadline"));
    await expect(connect(controller.signal).request({ method: "GET", path: "/" })).rejects.toThrow(
      "the deadline",
    );
    await expect(connect(controller.signal).request({ method: "GET", path: "/" })).rejects.toThrow(
      "the deadline",
    );
    expect(seen).toHaveLength(1);
  });
});
