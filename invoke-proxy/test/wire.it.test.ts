import { once } from "node:events";
import { PlatformError } from "@hanzo-fn/contract";
import { describe, expect, it } from "vitest";
import { raw, rawThenEnd, respond, startFakeUpstream, type Script } from "../src/fake-upstream.ts";
import { functionRoutes, httpRoute, startProxy } from "./harness.ts";

const GET = "GET /f HTTP/1.1\r\nHost: h\r\n\r\n";
const CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

async function start(script: Script = respond("hello"), options: Parameters<typeof startProxy>[2] = {}) {
  const upstream = await startFakeUpstream(script);
  const proxy = await startProxy(upstream.address, [functionRoutes([httpRoute("/f")])], options);
  const client = await proxy.client();
  return {
    upstream,
    proxy,
    client,
    async [Symbol.asyncDispose]() {
      client.socket.destroy();
      await proxy[Symbol.asyncDispose]();
      await upstream[Symbol.asyncDispose]();
    },
  };
}

describe("requests", () => {
  it("streams a chunked body on as it comes, and ends it", async () => {
    await using setup = await start(() => undefined);
    setup.client.send("POST /f HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    const request = await setup.upstream.request(1);
    expect(request.head).toContain("Transfer-Encoding: chunked\r\n");
    expect(request.head).not.toContain("Content-Length");
    const [socket] = setup.upstream.sockets;
    while (!request.body.includes("abc")) await once(socket!, "data");
    setup.client.send("2\r\nde\r\n0\r\n\r\n");
    while (!request.body.endsWith("0\r\n\r\n")) await once(socket!, "data");
    expect(request.body).toBe("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  });

  it("sends the head on although nothing of the body has come yet", async () => {
    await using setup = await start(() => undefined);
    setup.client.send("POST /f HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n");
    const request = await setup.upstream.request(1);
    expect(request).toMatchObject({ body: "" });
    setup.client.send("abc");
    const [socket] = setup.upstream.sockets;
    while (request.body !== "abc") await once(socket!, "data");
  });

  it("answers pipelined requests one after the other, in order", async () => {
    let n = 0;
    await using setup = await start((socket) => respond(`answer ${++n}`)(socket, {} as never));
    setup.client.send(GET + "POST /f HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc" + GET);
    const bodies = [];
    for (let i = 0; i < 3; i++) bodies.push((await setup.client.answer()).body);
    expect(bodies).toEqual(["answer 1", "answer 2", "answer 3"]);
  });

  it("takes a request that comes byte by byte", async () => {
    await using setup = await start();
    for (const byte of "POST /f HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi") {
      setup.client.socket.write(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await setup.client.answer()).status).toBe(200);
    expect(setup.upstream.requests[0]?.body).toBe("hi");
  });

  it("asks for a body with 100 only once an instance is there", async () => {
    await using setup = await start(respond("done"));
    const { promise: go, resolve } = Promise.withResolvers<void>();
    setup.proxy.instances.warm = false;
    setup.proxy.instances.onAcquire = async (key) => {
      await go;
      return setup.proxy.instances.lease(key, 5);
    };
    setup.client.send("POST /f HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    await new Promise((done) => setImmediate(done));
    expect(setup.client.text).toBe("");
    resolve();
    await setup.client.until((text) => text === "HTTP/1.1 100 Continue\r\n\r\n");
    setup.client.text = "";
    const { status, head } = await setup.client.send("ok").answer();
    expect(status).toBe(200);
    expect(head).toContain("X-Function-Cold-Start-Ms: 5\r\n");
    expect(setup.upstream.requests[0]?.head).not.toMatch(/expect/i);
  });

  it("refuses without asking for the body", async () => {
    await using setup = await start(respond("done"), { maxBodyBytes: 10 });
    setup.client.send("POST /f HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n");
    const { status, head } = await setup.client.answer();
    expect(status).toBe(413);
    expect(head).toContain("Connection: close\r\n");
    expect(setup.upstream.accepted).toBe(0);
  });

  it("stops a chunked body that grows too large with 413", async () => {
    await using setup = await start(() => undefined, { maxBodyBytes: 10 });
    setup.client.send("POST /f HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n12345678\r\n");
    const request = await setup.upstream.request(1);
    setup.client.send("8\r\n12345678\r\n");
    const { status, head } = await setup.client.answer();
    expect(status).toBe(413);
    expect(head).not.toContain("Not-Delivered");
    await request.closed;
    await setup.client.closed;
  });

  it("closes for a client of HTTP/1.0, or keeps the connection where it asks", async () => {
    await using setup = await start();
    const kept = await setup.client.send("GET /f HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").answer();
    expect(kept.head).toContain("Connection: keep-alive\r\n");
    const last = await setup.client.send("GET /f HTTP/1.0\r\n\r\n").answer();
    expect(last.body).toBe("hello");
    await setup.client.closed;
  });

  it("takes an absolute target and forwards its path", async () => {
    await using setup = await start();
    await setup.client.send("GET http://h/f?x=1 HTTP/1.1\r\nHost: h\r\n\r\n").answer();
    expect(setup.upstream.requests[0]?.head).toMatch(/^GET \/f\?x=1 HTTP\/1.1\r\nHost: h\r\n/);
  });
});

describe("answers", () => {
  it("flushes each server-sent event at once", async () => {
    await using setup = await start((socket) => {
      socket.write(`${CHUNKED.slice(0, -2)}Content-Type: text/event-stream\r\n\r\n`);
    });
    setup.client.send(GET);
    await setup.client.until((text) => text.includes("text/event-stream"));
    const [socket] = setup.upstream.sockets;
    for (const i of [1, 2, 3]) {
      socket?.write(`9\r\ndata: ${i}\n\n\r\n`);
      await setup.client.until((text) => text.endsWith(`9\r\ndata: ${i}\n\n\r\n`));
    }
    socket?.write("0\r\n\r\n");
    await setup.client.until((text) => text.endsWith("0\r\n\r\n"));
    expect(await setup.proxy.observer.recorded(1)).toMatchObject({ status: "success", httpStatus: 200 });
  });

  it("chunks an answer that ends with its connection", async () => {
    await using setup = await start(rawThenEnd("HTTP/1.1 200 OK\r\n\r\nhello"));
    setup.client.send(GET);
    const text = await setup.client.until((all) => all.endsWith("0\r\n\r\n"));
    expect(text).toContain("Transfer-Encoding: chunked\r\n");
    expect(text).toContain("5\r\nhello\r\n0\r\n\r\n");
    await setup.upstream.requests[0]?.closed;
  });

  it("ends the connection of an HTTP/1.0 client where the length is not known", async () => {
    await using setup = await start(raw(`${CHUNKED}5\r\nhello\r\n0\r\n\r\n`));
    setup.client.send("GET /f HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    await setup.client.closed;
    expect(setup.client.text).toMatch(/Connection: close\r\n\r\nhello$/);
  });

  it("passes the length of a HEAD answer and no body", async () => {
    await using setup = await start(raw("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"));
    setup.client.send("HEAD /f HTTP/1.1\r\nHost: h\r\n\r\n");
    const text = await setup.client.until((all) => all.endsWith("\r\n\r\n"));
    expect(text).toContain("Content-Length: 5\r\n");
    setup.upstream.script = respond("next");
    setup.client.text = "";
    expect((await setup.client.send(GET).answer()).body).toBe("next");
    expect(setup.upstream.accepted).toBe(1);
  });

  it.each([204, 304])("passes %s without a body", async (status) => {
    await using setup = await start(raw(`HTTP/1.1 ${status} X\r\nETag: "a"\r\n\r\n`));
    const { head } = await setup.client.send(GET).answer();
    expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} X\r\n`));
    expect(head).not.toMatch(/content-length|transfer-encoding/i);
  });

  it("passes interim answers on, but never a second 100, and none to HTTP/1.0", async () => {
    const interims = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    await using setup = await start(raw(`${interims}HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n`));
    const text = await setup.client
      .send(GET)
      .until((all) => all.includes("200 OK") && all.endsWith("\r\n\r\n"));
    expect(text).toMatch(/^HTTP\/1.1 103 Early Hints\r\nLink: <\/a>\r\n\r\nHTTP\/1.1 200 OK\r\n/);
    const old = await setup.proxy.client();
    expect((await old.send("GET /f HTTP/1.0\r\n\r\n").answer()).status).toBe(200);
    expect(old.text).not.toContain("103");
  });

  it("opens a tunnel for a WebSocket and passes bytes both ways", async () => {
    await using setup = await start((socket, request) => {
      socket.write(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nwelcome",
      );
      expect(request.head).toContain("Connection: Upgrade\r\nUpgrade: websocket\r\n");
      socket.on("data", (chunk) => socket.write(`echo:${chunk.toString()}`));
    });
    const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n";
    setup.client.send(`GET /f HTTP/1.1\r\nHost: h\r\n${upgrade}\r\n`);
    await setup.client.until((text) => text.endsWith("\r\n\r\nwelcome"));
    setup.client.send("one");
    await setup.client.until((text) => text.endsWith("echo:one"));
    setup.client.socket.end();
    await (
      await setup.upstream.request(1)
    ).closed;
    expect(await setup.proxy.observer.recorded(1)).toMatchObject({ httpStatus: 101, status: "success" });
    expect(setup.proxy.instances.leases[0]?.released).toBe(1);
  });

  it("never forwards an upgrade other than to WebSocket", async () => {
    await using setup = await start();
    await setup.client
      .send("GET /f HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
      .answer();
    expect(setup.upstream.requests[0]?.head).not.toMatch(/upgrade|h2c/i);
  });

  it("reports a 5xx of the function with the code that the runtime names", async () => {
    await using setup = await start(
      raw("HTTP/1.1 500 X\r\nX-Function-Error: handler_error\r\nContent-Length: 0\r\n\r\n"),
    );
    const { head } = await setup.client.send(GET).answer();
    expect(head).not.toContain("X-Function-Error");
    expect(head).not.toContain("Not-Delivered");
    const record = await setup.proxy.observer.recorded(1);
    expect(record).toMatchObject({ status: "error", errorType: "handler_error", httpStatus: 500 });
  });
});

describe("the lifecycle of connections", () => {
  it("finishes running calls when it stops, and says that it closes", async () => {
    await using setup = await start(() => undefined);
    const idle = await setup.proxy.client();
    setup.client.send(GET);
    await setup.upstream.request(1);
    const stopped = setup.proxy.server.stop(5000);
    await idle.closed;
    const [socket] = setup.upstream.sockets;
    respond("late")(socket!, {} as never);
    const { status, head, body } = await setup.client.answer();
    expect([status, body]).toEqual([200, "late"]);
    expect(head).toContain("Connection: close\r\n");
    setup.client.socket.end();
    await stopped;
    expect(setup.proxy.server.connections).toBe(0);
  });

  it("cuts calls that outlast the grace period", async () => {
    await using setup = await start(() => undefined);
    setup.client.send(GET);
    const request = await setup.upstream.request(1);
    await setup.proxy.server.stop(10);
    await setup.client.closed;
    await request.closed;
    expect(setup.proxy.instances.leases[0]?.released).toBe(1);
  });

  it("closes idle connections to an instance that is gone", async () => {
    await using setup = await start();
    await setup.client.send(GET).answer();
    const request = await setup.upstream.request(1);
    setup.proxy.instances.gone.abort();
    await request.closed;
    expect(setup.upstream.accepted).toBe(1);
  });

  it("closes connections to an instance that stay idle too long", async () => {
    await using setup = await start(respond("x"), { upstreamIdleMs: 30 });
    await setup.client.send(GET).answer();
    await (
      await setup.upstream.request(1)
    ).closed;
    expect((await setup.client.send(GET).answer()).status).toBe(200);
    expect(setup.upstream.accepted).toBe(2);
  });

  it("closes a client connection that stays idle too long", async () => {
    await using setup = await start(respond("x"), { idleTimeoutMs: 30 });
    expect((await setup.client.send(GET).answer()).status).toBe(200);
    await setup.client.closed;
  });

  it("takes an instance over a Unix socket", async () => {
    const path = `${process.env["TMPDIR"] ?? "/tmp"}/hanzo-fn-wire-${process.pid}.sock`;
    await using upstream = await startFakeUpstream(respond("unix"), { path });
    await using proxy = await startProxy(upstream.address, [functionRoutes([httpRoute("/f")])]);
    const client = await proxy.client();
    expect((await client.send(GET).answer()).body).toBe("unix");
    expect((await client.send(GET).answer()).body).toBe("unix");
    expect(upstream.accepted).toBe(1);
    client.socket.destroy();
  });

  it("gives its place in the queue back when the client goes", async () => {
    await using setup = await start();
    const { promise: aborted, resolve } = Promise.withResolvers<void>();
    const { promise: asked, resolve: onAsk } = Promise.withResolvers<void>();
    setup.proxy.instances.warm = false;
    setup.proxy.instances.onAcquire = (_key, signal) =>
      new Promise((_done, fail) => {
        signal.addEventListener("abort", () => {
          resolve();
          fail(signal.reason as Error);
        });
        onAsk();
      });
    setup.client.send(GET);
    await asked;
    setup.client.socket.destroy();
    await aborted;
    expect(await setup.proxy.observer.recorded(1)).toMatchObject({ errorType: "client_closed" });
  });

  it("answers 503 with Retry-After where there is no capacity", async () => {
    await using setup = await start();
    setup.proxy.instances.warm = false;
    const error = new PlatformError("no_capacity", "the queue is full", { retryAfterSeconds: 7 });
    setup.proxy.instances.onAcquire = () => Promise.reject(error);
    const { status, head } = await setup.client.send(GET).answer();
    expect(status).toBe(503);
    expect(head).toContain("Retry-After: 7\r\n");
    expect(head).toContain("X-Function-Not-Delivered: no_capacity\r\n");
    expect(head).toContain("X-Function-Duration-Ms: 0\r\n");
  });

  it("refuses connections beyond its maximum", async () => {
    await using setup = await start(respond("x"), { maxConnections: 1 });
    await setup.client.send(GET).answer();
    const second = await setup.proxy.client();
    expect((await second.answer()).status).toBe(503);
    await second.closed;
    expect((await setup.client.send(GET).answer()).status).toBe(200);
  });
});
