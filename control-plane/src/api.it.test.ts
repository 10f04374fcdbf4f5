import { readdir } from "node:fs/promises";
import { connect } from "node:net";
import { errorBodySchema } from "@hanzo-fn/contract/api";
import { waitFor } from "@hanzo-fn/testkit";
import { Hono } from "hono";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { controlPlaneServer } from "./server.ts";
import { tarGz } from "./source/test-archives.ts";
import { deploy, request, startApi, testControl, type TestControl, yaml } from "./test-setup.ts";

const TYPE = { "content-type": "multipart/form-data; boundary=B" };
const ARCHIVE = tarGz({ name: "handler.py", content: "def run(ctx): return 1\n" });

function part(name: string, content: string | Buffer): Buffer {
  const head = `--B\r\nContent-Disposition: form-data; name="${name}"; filename="x"\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), Buffer.from(content), Buffer.from("\r\n")]);
}
const END = Buffer.from("--B--\r\n");
const MANIFEST = part("manifest", yaml("f", "/f"));
const SOURCE = part("source", ARCHIVE);

async function api() {
  const test = await testControl();
  const server = await startApi(test);
  return {
    ...test,
    ...server,
    /** The error body of the answer, checked against its schema. */
    async refusal(path: string, init?: Parameters<typeof server.call>[1]) {
      const response = await server.call(path, init);
      const body = errorBodySchema.parse(await response.json());
      expect(response.headers.get("x-request-id")).toBe(body.requestId);
      expect(body.code).toBe(response.status);
      return { response, body };
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await test[Symbol.asyncDispose]();
    },
  };
}

/** Everything that comes back for these bytes until the server closes, or `enough` is there. */
function raw(port: number, bytes: string | Buffer, enough?: RegExp): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(bytes));
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      if (enough?.test(text)) socket.destroy();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(text));
  });
}

async function nothingLeft(test: Pick<TestControl, "uploads">): Promise<void> {
  await waitFor("no temporary files", async () => (await readdir(test.uploads)).length === 0);
}

/** For refusals, which leave nothing behind. */
let shared: Awaited<ReturnType<typeof api>>;
beforeAll(async () => {
  shared = await api();
});
afterAll(() => shared[Symbol.asyncDispose]());

describe("uploads", () => {
  it("make a function, in either order of the fields", async () => {
    await using test = await api();
    const first = await test.call("/v1/functions", {
      method: "POST",
      headers: TYPE,
      body: Buffer.concat([MANIFEST, SOURCE, END]),
    });
    expect(first.status).toBe(201);
    expect(await first.json()).toMatchObject({
      created: true,
      new_revision: true,
      revision: { name: "f-00001" },
    });
    const second = await test.call("/v1/functions/f", {
      method: "PUT",
      headers: TYPE,
      body: Buffer.concat([SOURCE, MANIFEST, END]),
    });
    expect(second.status).toBe(200);
    expect(await second.json()).toMatchObject({ created: false, new_revision: false });
    await nothingLeft(test);
  });

  it.each([
    ["without a manifest", [SOURCE, END], "bad_request", /manifest.*missing/],
    ["with two manifests", [MANIFEST, MANIFEST, SOURCE, END], "bad_request", /repeated field/],
    ["with two sources", [MANIFEST, SOURCE, SOURCE, END], "bad_request", /repeated field "source"/],
    ["with a field nobody knows", [SOURCE, MANIFEST, part("evil", "x"), END], "bad_request", /"evil"/],
    [
      "with a manifest too large",
      [SOURCE, part("manifest", "#".repeat(5000)), END],
      "payload_too_large",
      /4096/,
    ],
    ["with a manifest that is wrong", [SOURCE, part("manifest", "name: F!"), END], "invalid_manifest", /./],
    ["with a source that is no archive", [MANIFEST, part("source", "hello"), END], "invalid_source", /./],
    ["cut off inside the source", [MANIFEST, SOURCE.subarray(0, 120)], "bad_request", /ended early/],
    ["cut off behind the source", [MANIFEST, SOURCE], "bad_request", /ended early/],
    ["of nothing", [END], "bad_request", /./],
    ["of no multipart", [Buffer.from("hello")], "bad_request", /ended early|missing/],
  ])("%s are refused and leave nothing", async (_name, parts, code, message) => {
    const test = shared;
    const { body } = await test.refusal("/v1/functions", {
      method: "POST",
      headers: TYPE,
      body: Buffer.concat(parts),
    });
    expect(body.error).toBe(code);
    expect(body.msg).toMatch(message);
    expect((await test.store.functions.list({ org: "acme", page: 1, pageSize: 10 })).total).toBe(0);
    await nothingLeft(test);
  });

  it.each(["application/json", "multipart/form-data"])("of type %s are refused", async (type) => {
    const test = shared;
    const { body } = await test.refusal("/v1/functions", {
      method: "POST",
      headers: { "content-type": type },
      body: "{}",
    });
    expect(body.error).toBe("bad_request");
  });

  it("of a client that goes away leave nothing, and the server serves on", async () => {
    await using test = await api();
    const head = `POST /v1/functions HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer acme\r\nContent-Type: ${TYPE["content-type"]}\r\nContent-Length: 100000\r\n\r\n`;
    const socket = connect(test.port, "127.0.0.1");
    socket.write(Buffer.concat([Buffer.from(head), MANIFEST, SOURCE.subarray(0, 120)]));
    await waitFor("the source to be read", async () => (await readdir(test.uploads)).length === 1);
    socket.destroy();
    await nothingLeft(test);
    expect((await test.call("/v1/functions")).status).toBe(200);
    expect(await test.store.loadFunction("acme", "f")).toBeUndefined();
  });
});

describe("refusals", () => {
  it("of a method name those that are taken", async () => {
    await using test = await api();
    const { response, body } = await test.refusal("/v1/functions/f", { method: "PATCH" });
    expect(body.error).toBe("method_not_allowed");
    expect(response.headers.get("allow")).toBe("GET, PUT, DELETE");
    expect((await test.refusal("/v1/nothing")).body.error).toBe("not_found");
  });

  it("of callers come before anything is read", async () => {
    await using test = await api();
    const anonymous = await fetch(`http://127.0.0.1:${test.port}/v1/functions`);
    expect(anonymous.status).toBe(401);
    expect(anonymous.headers.get("www-authenticate")).toContain("Bearer");
    expect(errorBodySchema.parse(await anonymous.json()).error).toBe("unauthorized");
    const reader = { authorization: "Bearer acme/functions:read" };
    const { body } = await test.refusal("/v1/functions", {
      method: "POST",
      headers: { ...TYPE, ...reader },
      body: END,
    });
    expect(body.error).toBe("forbidden");
  });

  it.each([
    ["/v1/functions?colour=red", "an unknown query key"],
    ["/v1/functions?page=0", "a page before the first"],
    ["/v1/functions?pageSize=101", "a page too large"],
    ["/v1/functions?page=x", "a page that is no number"],
    ["/v1/triggers?page=1.5", "half a page"],
  ])("of %s: %s", async (path) => {
    const test = shared;
    const { body } = await test.refusal(path);
    expect(body).toMatchObject({ error: "bad_request", msg: expect.stringContaining("the query") });
  });

  it("of JSON: broken, unknown keys, too large with and without a length", async () => {
    await using test = await api();
    await deploy(test.control, await request(test, yaml("f", "/f"), "one"));
    const put = (body: string | ReadableStream, more = {}) =>
      test.refusal("/v1/functions/f/traffic", { method: "PUT", body, ...more });
    expect((await put("{")).body.error).toBe("bad_request");
    expect((await put('{"latest":true,"x":1}')).body.error).toBe("bad_request");
    const large = JSON.stringify({ latest: true, x: "x".repeat(3 << 20) });
    expect((await put(large)).body.error).toBe("payload_too_large");
    const stream = new Blob([large]).stream();
    expect((await put(stream, { duplex: "half" })).body.error).toBe("payload_too_large");
  });

  it.each([
    ["bytes that are no HTTP", "HELLO\r\n\r\n", 400, "malformed_http"],
    [
      "a length that is none",
      "GET /health HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n",
      400,
      "malformed_http",
    ],
    [
      "both framings",
      "POST /health HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
      400,
      "malformed_http",
    ],
    [
      "a head too large",
      `GET /health HTTP/1.1\r\nHost: h\r\nX: ${"x".repeat(9000)}\r\n\r\n`,
      431,
      "head_too_large",
    ],
    ["no host", "GET /health HTTP/1.1\r\nConnection: close\r\n\r\n", 400, "malformed_http"],
    [
      "a host that is none",
      "GET /health HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n",
      400,
      "malformed_http",
    ],
    [
      "another expectation",
      "GET /health HTTP/1.1\r\nHost: h\r\nExpect: miracles\r\nConnection: close\r\n\r\n",
      417,
      "expectation_failed",
    ],
    ["CONNECT", "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 405, "method_not_allowed"],
    ["TRACE", "TRACE /health HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", 405, "method_not_allowed"],
  ])("of %s have the error body", async (_name, bytes, status, code) => {
    const test = shared;
    const text = await raw(test.port, bytes);
    expect(text).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    const json = text.slice(text.indexOf("{"), text.lastIndexOf("}") + 1);
    const body = errorBodySchema.parse(JSON.parse(json));
    expect(body).toMatchObject({ code: status, error: code, component: "control-plane" });
    expect(text.toLowerCase()).toContain(`x-request-id: ${body.requestId}`.toLowerCase());
  });

  it("of what fails inside tell nothing of it", async () => {
    await using test = await api();
    await test.store.close();
    const { body } = await test.refusal("/v1/functions");
    expect(body.code).toBeGreaterThanOrEqual(500);
    expect(JSON.stringify(body)).not.toMatch(/select|postgres|pool/i);
    expect(test.log.lines.some(({ msg }) => msg === "request failed")).toBe(true);
  });

  it("of a port that is taken is a conflict that says what to do", async () => {
    await using test = await api();
    const second = controlPlaneServer(new Hono(), { host: "127.0.0.1", port: test.port, maxHeadBytes: 8192 });
    await expect(second.start(new AbortController().signal)).rejects.toMatchObject({
      code: "conflict",
      next: expect.stringContaining("--api-port"),
    });
  });
});

it("shows functions, revisions and triggers in pages that neither overlap nor leave out", async () => {
  await using test = await api();
  for (const name of ["a", "b", "c", "d", "e"]) {
    await deploy(test.control, await request(test, yaml(name, `/${name}`), "one"));
  }
  for (const content of ["two", "three"]) {
    await deploy(test.control, await request(test, yaml("a", "/a"), content));
  }
  await deploy(test.control, await request(test, yaml("z", "/z"), "one", { org: "other" }));
  const read = async (path: string) => (await test.call(path)).json() as Promise<Record<string, unknown>>;
  const names: unknown[] = [];
  for (const page of [1, 2, 3]) {
    const answer = await read(`/v1/functions?page=${page}&pageSize=2`);
    expect(answer["pagination"]).toEqual({
      page,
      pageSize: 2,
      total: 5,
      totalPages: 3,
      hasNext: page < 3,
      hasPrev: page > 1,
    });
    names.push(...(answer["functions"] as { name: string }[]).map(({ name }) => name));
  }
  expect(names).toEqual(["a", "b", "c", "d", "e"]);
  expect(await read("/v1/functions?page=9&pageSize=2")).toMatchObject({
    functions: [],
    pagination: { total: 5, hasNext: false, hasPrev: true },
  });
  expect(await read("/v1/functions/a/revisions?page=2&pageSize=2")).toMatchObject({
    revisions: [{ name: "a-00001" }],
    pagination: { total: 3, totalPages: 2, hasNext: false },
  });
  expect(await read("/v1/triggers?pageSize=1")).toMatchObject({ pagination: { total: 5, totalPages: 5 } });
  const empty = await test.call("/v1/functions", { headers: { authorization: "Bearer nobody" } });
  expect(await empty.json()).toMatchObject({
    functions: [],
    pagination: { total: 0, totalPages: 0, hasNext: false },
  });
});
