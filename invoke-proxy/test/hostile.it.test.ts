import { PlatformError } from "@hanzo-fn/contract";
import { describe, expect, it } from "vitest";
import { raw, rawThenEnd, respond, startFakeUpstream, type Script } from "../src/fake-upstream.ts";
import { functionRoutes, httpRoute, startProxy, type RawClient } from "./harness.ts";

const GET = "GET /f HTTP/1.1\r\nHost: h\r\n\r\n";
const NEIGHBOUR = "GET /good HTTP/1.1\r\nHost: h\r\n\r\n";
const short = [{ name: "f-00001", number: 1, runtime: "python", timeoutMs: 80, percent: 100 }];

/**
 * A proxy with a bad client or a bad function on `/f`, and a neighbour that calls `/good` all the time until the
 * setup is disposed: each of its calls must have been answered with 200.
 */
async function start(script: Script, options: Parameters<typeof startProxy>[2] & { short?: boolean } = {}) {
  const upstream = await startFakeUpstream((socket, request) => {
    if (request.head.startsWith("GET /good")) respond("good")(socket, request);
    else script(socket, request);
  });
  const routes = functionRoutes(
    [httpRoute("/f"), httpRoute("/good")],
    options.short ? { revisions: short } : {},
  );
  const proxy = await startProxy(upstream.address, [routes], options);
  const client = await proxy.client();
  const neighbour = await proxy.client();
  const stop = new AbortController();
  let answered = 0;
  const running = (async () => {
    while (!stop.signal.aborted) {
      expect((await neighbour.send(NEIGHBOUR).answer()).status).toBe(200);
      answered++;
    }
  })();
  return {
    upstream,
    proxy,
    client,
    /** Answers on `/f` with 200 from now on, on a connection of its own. */
    async nextGoodRequest() {
      script = respond("fine");
      const fresh = await proxy.client();
      expect(await fresh.send(GET).answer()).toMatchObject({ status: 200, body: "fine" });
      fresh.socket.destroy();
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
      expect(answered).toBeGreaterThan(0);
      for (const each of [client, neighbour]) each.socket.destroy();
      await proxy[Symbol.asyncDispose]();
      await upstream[Symbol.asyncDispose]();
      for (const lease of proxy.instances.leases) expect(lease.released).toBe(1);
      expect(proxy.observer.internal).toEqual([]);
      expect(proxy.observer.running).toBe(0);
    },
  };
}

async function refusal(client: RawClient) {
  const { status, head, body } = await client.answer();
  return { status, head, json: JSON.parse(body) as Record<string, unknown> };
}

describe("a client", () => {
  it.each([
    [
      "Content-Length with Transfer-Encoding",
      "POST /f HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /evil HTTP/1.1\r\n",
      400,
      "malformed_http",
    ],
    [
      "two lengths",
      "POST /f HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
      400,
      "malformed_http",
    ],
    [
      "a signed length",
      "POST /f HTTP/1.1\r\nHost: h\r\nContent-Length: +3\r\n\r\nabc",
      400,
      "malformed_http",
    ],
    ["a folded line", "GET /f HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n", 400, "malformed_http"],
    ["a bare LF", "GET /f HTTP/1.1\nHost: h\n\n", 400, "malformed_http"],
    [
      "a space before the colon",
      "GET /f HTTP/1.1\r\nHost: h\r\nContent-Length : 3\r\n\r\n",
      400,
      "malformed_http",
    ],
    [
      "an unknown transfer coding",
      "POST /f HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n",
      501,
      "not_implemented",
    ],
    ["a control character", "GET /f HTTP/1.1\r\nHost: h\r\nA: b\x00c\r\n\r\n", 400, "malformed_http"],
    ["two hosts", "GET /f HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n", 400, "malformed_http"],
    ["HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "http_version_not_supported"],
    ["CONNECT", "CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n", 501, "not_implemented"],
    [
      "an unknown expectation",
      "POST /f HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nExpect: wonders\r\n\r\n",
      417,
      "expectation_failed",
    ],
    [
      "a head that is too large",
      `GET /f HTTP/1.1\r\nHost: h\r\nA: ${"a".repeat(40_000)}\r\n\r\n`,
      431,
      "head_too_large",
    ],
    [
      "a target that is too long",
      `GET /${"a".repeat(9000)} HTTP/1.1\r\nHost: h\r\n\r\n`,
      414,
      "uri_too_long",
    ],
  ])("that sends %s is refused and cut off", async (_name, bytes, status, code) => {
    await using setup = await start(respond("never"));
    const result = await refusal(setup.client.send(bytes));
    expect(result.status).toBe(status);
    expect(result.json).toMatchObject({
      status: "error",
      code: status,
      error: code,
      component: "invoke-proxy",
    });
    expect(result.head).toContain(`X-Function-Not-Delivered: ${code}\r\n`);
    expect(result.head).toContain("X-Function-Duration-Ms: 0\r\n");
    expect(result.head).toContain("Connection: close\r\n");
    await setup.client.closed;
    expect(setup.client.text).toBe("");
    await setup.nextGoodRequest();
  });

  it("that breaks the chunked framing within its body is refused, and the function's call is cut", async () => {
    await using setup = await start(() => undefined);
    setup.client.send("POST /f HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    while (!setup.upstream.requests.some(({ head }) => head.startsWith("POST"))) {
      await setup.upstream.request(setup.upstream.requests.length + 1);
    }
    const request = setup.upstream.requests.find(({ head }) => head.startsWith("POST"));
    const result = await refusal(setup.client.send("zz\r\n"));
    expect(result.json).toMatchObject({ code: 400, error: "malformed_http" });
    expect(result.head).not.toContain("Not-Delivered");
    await request?.closed;
    await setup.client.closed;
    await setup.nextGoodRequest();
  });

  it("that never finishes its head gets 408", async () => {
    await using setup = await start(respond("x"), { headTimeoutMs: 60, idleTimeoutMs: 10_000 });
    const result = await refusal(setup.client.send("GET /f HTTP/1.1\r\nHo"));
    expect(result.json).toMatchObject({ code: 408, error: "request_timeout" });
    expect(result.head).toContain("X-Function-Not-Delivered: request_timeout\r\n");
    await setup.client.closed;
  });

  it("that sends one byte at a time for too long gets 408", async () => {
    await using setup = await start(() => undefined, { bodyWindowMs: 60, bodyWindowBytes: 50 });
    setup.client.send("POST /f HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n");
    const drip = setInterval(() => setup.client.socket.write("x"), 10);
    const result = await refusal(setup.client);
    clearInterval(drip);
    expect(result.json).toMatchObject({ code: 408, error: "request_timeout" });
    await setup.client.closed;
    await setup.nextGoodRequest();
  });

  it("that disconnects within its body cancels the call", async () => {
    await using setup = await start(() => undefined);
    setup.client.send("POST /f HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nabc");
    while (!setup.upstream.requests.some(({ head }) => head.startsWith("POST"))) {
      await setup.upstream.request(setup.upstream.requests.length + 1);
    }
    setup.client.socket.destroy();
    await setup.upstream.requests.find(({ head }) => head.startsWith("POST"))?.closed;
    await setup.nextGoodRequest();
    const codes = setup.proxy.observer.records.map(({ errorType }) => errorType);
    expect(codes.filter((code) => code !== "")).toEqual(["client_closed"]);
  });

  it("that disconnects while it waits for its answer cancels the call", async () => {
    let seen: (() => void) | undefined;
    const arrived = new Promise<void>((resolve) => (seen = resolve));
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    await using setup = await start((socket) => {
      socket.on("close", resolve);
      seen?.();
    });
    setup.client.send(GET);
    await arrived;
    setup.client.socket.end();
    await closed;
    await setup.nextGoodRequest();
    expect(setup.client.text).toBe("");
  });
});

describe("a function", () => {
  it.each([
    ["no HTTP at all", "SSH-2.0-OpenSSH_9.0\r\n\r\n"],
    [
      "Content-Length with Transfer-Encoding",
      "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
    ["a header without a colon", "HTTP/1.1 200 OK\r\nnonsense\r\n\r\n"],
    ["a bare LF", "HTTP/1.1 200 OK\nContent-Length: 0\n\n"],
    ["a status of two digits", "HTTP/1.1 20 OK\r\n\r\n"],
    ["101 that nobody asked for", "HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"],
    ["a head without an end", `HTTP/1.1 200 OK\r\nA: ${"a".repeat(70_000)}`],
    ["interim answers without end", "HTTP/1.1 103 X\r\n\r\n".repeat(100)],
  ])("that answers %s is answered for with 502 malformed_response", async (_name, bytes) => {
    await using setup = await start(raw(bytes));
    if (bytes.includes("103")) {
      await setup.client.send(GET).until((text) => text.includes("502"));
      setup.client.text = setup.client.text.slice(setup.client.text.indexOf("HTTP/1.1 502"));
    } else {
      setup.client.send(GET);
    }
    const result = await refusal(setup.client);
    expect(result.json).toMatchObject({ code: 502, error: "malformed_response", function: "f" });
    expect(result.head).toContain("X-Function-Instance: fn-f-00001-local-abc\r\n");
    expect(result.head).not.toContain("Not-Delivered");
    await setup.nextGoodRequest();
  });

  it("that smuggles a second answer behind the first gets neither of them to the next caller", async () => {
    const smuggled = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    await using setup = await start(raw(`HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst${smuggled}`));
    expect((await setup.client.send(GET).answer()).body).toBe("first");
    await setup.nextGoodRequest();
    expect(setup.client.text).toBe("");
  });

  it("that sends a second answer later, on an idle connection, loses the connection", async () => {
    const smuggled = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    let closed: Promise<void> | undefined;
    await using setup = await start((socket, request) => {
      closed = request.closed;
      respond("first")(socket, request);
      setTimeout(() => socket.write(smuggled), 5);
    });
    expect((await setup.client.send(GET).answer()).body).toBe("first");
    await setup.nextGoodRequest();
    expect(closed).toBeDefined();
  });

  it("that breaks off before its head is answered for with what the engine found", async () => {
    await using setup = await start((socket) => void socket.destroy());
    setup.proxy.instances.diagnosis = new PlatformError("out_of_memory", "it used more than 256Mi");
    const result = await refusal(setup.client.send(GET));
    expect(result.json).toMatchObject({ code: 502, error: "out_of_memory", msg: "it used more than 256Mi" });
    expect(result.head).not.toContain("Not-Delivered");
    await setup.nextGoodRequest();
  });

  it.each([
    ["a body with a length", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\npart"],
    ["a chunked body", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n"],
  ])(
    "that breaks %s off cuts the client off, so that a part is not taken for the whole",
    async (_name, bytes) => {
      await using setup = await start(rawThenEnd(bytes));
      setup.client.send(GET);
      await setup.client.closed;
      expect(setup.client.text).not.toMatch(/\r\n0\r\n\r\n$/);
      await setup.nextGoodRequest();
      const codes = setup.proxy.observer.records.map(({ errorType }) => errorType);
      expect(codes.filter((code) => code !== "")).toEqual(["instance_exited"]);
    },
  );

  it("that never answers is cut at its deadline with 504, and its instance told", async () => {
    let closed: Promise<void> | undefined;
    await using setup = await start((_socket, request) => void (closed = request.closed), { short: true });
    const result = await refusal(setup.client.send(GET));
    expect(result.json).toMatchObject({ code: 504, error: "timeout", function: "f", revision: "f-00001" });
    expect(Number(/X-Function-Duration-Ms: (\d+)/.exec(result.head)?.[1])).toBeGreaterThanOrEqual(79);
    await closed;
    expect(setup.proxy.instances.leases.filter(({ expired }) => expired === 1)).toHaveLength(1);
    const record = setup.proxy.observer.records.find(({ status }) => status !== "success");
    expect(record).toMatchObject({ status: "timeout", httpStatus: 504, errorType: "timeout" });
    await setup.nextGoodRequest();
  });

  it("that streams beyond its deadline has its stream cut", async () => {
    await using setup = await start(
      raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n"),
      {
        short: true,
      },
    );
    setup.client.send(GET);
    await setup.client.closed;
    expect(setup.client.text).toMatch(/4\r\npart\r\n$/);
    await setup.nextGoodRequest();
  });
});

it("retries over a fresh connection where no instance took the first", async () => {
  await using upstream = await startFakeUpstream(respond("second"));
  await using dead = await startFakeUpstream();
  const { address } = dead;
  await dead[Symbol.asyncDispose]();
  await using proxy = await startProxy(address, [functionRoutes([httpRoute("/f")])]);
  const { lease } = proxy.instances;
  proxy.instances.lease = (key, coldStartMs) => {
    const made = lease(key, coldStartMs);
    proxy.instances.target = { ...proxy.instances.target, address: upstream.address };
    return made;
  };
  const client = await proxy.client();
  expect(await client.send(GET).answer()).toMatchObject({ status: 200, body: "second" });
  expect(proxy.instances.leases.map(({ released }) => released)).toEqual([1, 1]);
  client.socket.destroy();
});

it("says that nothing was delivered where no instance takes a connection", async () => {
  const dead = await startFakeUpstream();
  await dead[Symbol.asyncDispose]();
  await using proxy = await startProxy(dead.address, [functionRoutes([httpRoute("/f")])]);
  proxy.instances.diagnosis = new PlatformError("upstream_unreachable", "the instance takes no connection");
  const client = await proxy.client();
  const { status, head } = await client.send(GET).answer();
  expect(status).toBe(502);
  expect(head).toContain("X-Function-Not-Delivered: upstream_unreachable\r\n");
  expect(proxy.instances.leases.map(({ released }) => released)).toEqual([1, 1]);
  client.socket.destroy();
});
