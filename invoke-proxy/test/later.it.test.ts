import { type AcceptTask, PlatformError, type TaskCall } from "@hanzo-fn/contract";
import { describe, expect, it } from "vitest";
import { respond, startFakeUpstream } from "../src/fake-upstream.ts";
import { functionRoutes, startProxy } from "./harness.ts";

const AS_ANN = "Host: h\r\nAuthorization: Bearer acme/ann\r\n";
const head = (more = "", path = "/v1/functions/f/invoke-async"): string =>
  `POST ${path} HTTP/1.1\r\n${AS_ANN}${more}\r\n`;

/** Reads bodies to their end and keeps what it was given. */
function keeper() {
  const kept: { request: TaskCall; body: string }[] = [];
  const failures: unknown[] = [];
  const accept: AcceptTask = async (request) => {
    let body = "";
    try {
      for await (const chunk of request.body) body += chunk.toString("latin1");
    } catch (error) {
      failures.push(error);
      throw error;
    }
    kept.push({ request, body });
    return { id: `task_${kept.length}` };
  };
  return { kept, failures, accept };
}

async function setUp(acceptLater: AcceptTask | undefined) {
  const upstream = await startFakeUpstream(respond("hello"));
  const proxy = await startProxy(upstream.address, [functionRoutes([])], {
    acceptLater,
    maxBodyBytes: 1 << 20,
  });
  return {
    ...proxy,
    upstream,
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await upstream[Symbol.asyncDispose]();
    },
  };
}

describe("a call for later", () => {
  it("is handed on with what it carries, and answered once it is kept", async () => {
    const { kept, accept } = keeper();
    await using proxy = await setUp(accept);
    const client = await proxy.client();
    const more =
      "Content-Type: text/plain\r\nContent-Length: 5\r\nX-Function-Callback: https://example.com/\r\n" +
      "X-Function-Expires-In: 5m\r\nIdempotency-Key: k\r\nX-Function-Trigger: cron\r\nX-User-Id: bob\r\nX-Request-ID: mine\r\n";
    client.send(`${head(more, "/v1/functions/f/invoke-async?a=1")}hello`);
    const answer = await client.answer();
    expect([answer.status, JSON.parse(answer.body)]).toEqual([202, { task_id: "task_1", status: "queued" }]);
    expect(answer.head).toContain("Location: /v1/functions/f/tasks/task_1\r\n");
    expect(answer.head).toContain("X-Request-ID: mine\r\n");
    expect(answer.head).not.toContain("X-Function-Not-Delivered");
    const [{ request, body }] = kept as [(typeof kept)[number]];
    expect(body).toBe("hello");
    expect(request).toMatchObject({
      ...{ org: "acme", function: "f", user: "ann", mayPin: false, query: "?a=1", requestId: "mine" },
    });
    const headers = Object.fromEntries(request.headers);
    expect(headers).toMatchObject({
      "content-type": "text/plain",
      "idempotency-key": "k",
      "x-function-callback": "https://example.com/",
      "x-function-expires-in": "5m",
      traceparent: expect.stringMatching(/^00-/),
    });
    for (const name of ["authorization", "x-function-trigger", "x-user-id"])
      expect(headers).not.toHaveProperty(name);
    expect([proxy.upstream.requests, proxy.observer.records, proxy.observer.accesses]).toEqual([
      [],
      [],
      ["202 "],
    ]);
    // The connection serves on.
    client.send(head("Content-Length: 2\r\n", "/v1/functions/f/invoke") + "{}");
    expect((await client.answer()).body).toBe("hello");
  });

  it("may come in chunks, and larger than is held at once", async () => {
    const { kept, accept } = keeper();
    await using proxy = await setUp(accept);
    const client = await proxy.client();
    const chunk = "x".repeat(100_000);
    client.send(head("Transfer-Encoding: chunked\r\n"));
    for (let i = 0; i < 8; i++) client.send(`${chunk.length.toString(16)}\r\n${chunk}\r\n`);
    client.send("0\r\n\r\n");
    expect((await client.answer()).status).toBe(202);
    expect(kept[0]?.body.length).toBe(800_000);
  });

  it("without a body has none", async () => {
    const { kept, accept } = keeper();
    await using proxy = await setUp(accept);
    const client = await proxy.client();
    client.send(head());
    expect((await client.answer()).status).toBe(202);
    expect(kept[0]?.body).toBe("");
  });

  it("whose client goes in the middle is not kept", async () => {
    const { kept, failures, accept } = keeper();
    await using proxy = await setUp(accept);
    const client = await proxy.client();
    const begun = Promise.withResolvers<void>();
    client.send(`${head("Content-Length: 10\r\n")}half`);
    client.socket.end(() => begun.resolve());
    await begun.promise;
    await client.closed;
    expect(kept).toEqual([]);
    expect(failures).toHaveLength(1);
  });

  it("that is refused says why, and that it was not delivered", async () => {
    await using proxy = await setUp(() =>
      Promise.reject(new PlatformError("conflict", "another request", { component: "tasks" })),
    );
    const client = await proxy.client();
    client.send(head("Content-Length: 2\r\n") + "{}");
    const answer = await client.answer();
    expect([answer.status, JSON.parse(answer.body)]).toMatchObject([
      409,
      { error: "conflict", function: "f" },
    ]);
    expect(answer.head).toContain("X-Function-Not-Delivered: conflict\r\n");
  });

  it("needs a token, the permission, POST, a known function and a body within the limit", async () => {
    const { kept, accept } = keeper();
    await using proxy = await setUp(accept);
    const statusOf = async (text: string): Promise<number> => {
      const client = await proxy.client();
      client.send(text);
      return (await client.answer()).status;
    };
    const path = "/v1/functions/f/invoke-async";
    expect(await statusOf(`POST ${path} HTTP/1.1\r\nHost: h\r\n\r\n`)).toBe(401);
    expect(
      await statusOf(
        `POST ${path} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer acme/ann/functions:read\r\n\r\n`,
      ),
    ).toBe(403);
    expect(await statusOf(`GET ${path} HTTP/1.1\r\n${AS_ANN}\r\n`)).toBe(405);
    expect(await statusOf(head("", "/v1/functions/g/invoke-async"))).toBe(404);
    expect(await statusOf(head("Content-Length: 2000000\r\n"))).toBe(413);
    expect(kept).toEqual([]);
  });

  it("is not found where nothing keeps calls", async () => {
    await using proxy = await setUp(undefined);
    const client = await proxy.client();
    client.send(head());
    expect((await client.answer()).status).toBe(404);
    expect(proxy.upstream.requests).toEqual([]);
  });
});
