import { existsSync, statSync } from "node:fs";
import { createConnection } from "node:net";
import { dirname } from "node:path";
import { Readable } from "node:stream";
import { PlatformError } from "@hanzo-fn/contract";
import { describe, expect, test } from "vitest";
import { createGatewayServer } from "./server.ts";
import { call, openTestGateway } from "./test-setup.ts";

const get = JSON.stringify({ op: "get", key: "k" });

describe("a token", () => {
  test("is needed for every path, and a bad one is as none", async () => {
    await using t = await openTestGateway();
    const bad = [
      undefined,
      "",
      "Bearer",
      "Bearer ",
      "Bearer nonsense",
      `Basic ${t.token}`,
      `Bearer ${t.token}x`,
      t.token,
    ];
    for (const authorization of bad) {
      for (const path of ["/v1/kv", "/v1/storage/object?ref=a", "/v1/publish", "/v1/models", "/nowhere"]) {
        const headers = authorization === undefined ? {} : { authorization };
        const reply = await call(t.socketPath, path, { method: "POST", headers, body: "{}" });
        expect(reply.status, `${authorization} ${path}`).toBe(401);
        expect(reply.json()).toMatchObject({ error: "unauthorized", code: 401, component: "gateway" });
      }
    }
  });

  test("ends with its instance", async () => {
    await using t = await openTestGateway();
    expect((await t.call("/v1/kv", { method: "POST", body: get })).status).toBe(200);
    t.revoke();
    expect((await t.call("/v1/kv", { method: "POST", body: get })).status).toBe(401);
  });

  test("opens its own function's keys and objects, and no other's", async () => {
    await using t = await openTestGateway();
    await t.kv({ op: "set", key: "k", data: { text: "mine" } });
    await t.call("/v1/storage/object?ref=a.txt", { method: "PUT", body: "mine" });
    for (const other of [{ function: "g" }, { org: "other" }]) {
      const send = t.as(other);
      expect((await send("/v1/kv", { method: "POST", body: get })).json()).toEqual({ value: null });
      expect((await send("/v1/storage/object?ref=a.txt")).status).toBe(404);
      const foreign = encodeURIComponent("s3://hanzo-functions/data/acme/f/a.txt");
      expect((await send(`/v1/storage/object?ref=${foreign}`)).status).toBe(403);
    }
    const again = t.as({ instance: "fn-f-00001-local-2" });
    expect((await again("/v1/kv", { method: "POST", body: get })).json()).toEqual({
      value: { text: "mine" },
    });
  });

  test("is in no line of the log, nor is what was sent", async () => {
    const nats = {
      publish: () => Promise.reject(new PlatformError("unavailable", "no answer in time")),
      close: () => Promise.resolve(),
    };
    await using t = await openTestGateway({ publishers: { nats } });
    await t.call("/v1/publish", { method: "POST", body: '{"subject":"mq.a.b","data":"s3cret"}' });
    const lines = JSON.stringify(t.log.lines);
    expect(lines).toContain("/v1/publish");
    expect(lines).not.toContain(t.token);
    expect(lines).not.toContain("s3cret");
  });
});

describe("a token of a revision", () => {
  const set = JSON.stringify({ op: "set", key: "k", data: { text: "mine" } });
  const record = (...revisions: string[]) => ({
    key: Buffer.alloc(32, 7),
    exists: ({ org, revision }: { org: string; revision: string }) =>
      Promise.resolve(revisions.includes(`${org}/${revision}`)),
  });

  test("opens its function's keys over TCP, for every instance, and no other organisation's", async () => {
    await using t = await openTestGateway({ revisions: record("acme/f-00001", "acme-labs/f-00001") });
    const tokenOf = (org: string): string =>
      t.gateway.revisionToken?.({ org, function: "f", revision: "f-00001", createdAtMs: 1 }).reveal() ?? "";
    const send = (token: string, body: string): Promise<Response> => {
      const headers = { authorization: `Bearer ${token}` };
      return fetch(`${t.gateway.tcpUrl()}/v1/kv`, { method: "POST", headers, body });
    };
    expect((await send(tokenOf("acme"), set)).status).toBe(200);
    expect(await (await send(tokenOf("acme"), get)).json()).toEqual({ value: { text: "mine" } });
    expect((await t.call("/v1/kv", { method: "POST", body: get })).json()).toEqual({
      value: { text: "mine" },
    });
    expect(await (await send(tokenOf("acme-labs"), get)).json()).toEqual({ value: null });
    expect((await send(tokenOf("other"), get)).status).toBe(401);
  });

  test("is taken nowhere where the platform serves none", async () => {
    await using signing = await openTestGateway({ revisions: record("acme/f-00001") });
    await using t = await openTestGateway();
    const token = signing.gateway.revisionToken?.({
      org: "acme",
      function: "f",
      revision: "f-00001",
      createdAtMs: 1,
    });
    const headers = { authorization: `Bearer ${token?.reveal()}` };
    expect((await call(t.socketPath, "/v1/kv", { method: "POST", headers, body: get })).status).toBe(401);
    expect(t.gateway.revisionToken).toBeUndefined();
  });
});

describe("the server", () => {
  test("lets nobody else in where instances run as the platform's own user, and leaves nothing behind", async () => {
    const t = await openTestGateway();
    expect(statSync(t.socketPath).mode & 0o777).toBe(0o600);
    expect(statSync(dirname(t.socketPath)).mode & 0o777).toBe(0o700);
    await t[Symbol.asyncDispose]();
    expect(existsSync(dirname(t.socketPath))).toBe(false);
  });

  test("listens on a port of 127.0.0.1 too, where that is asked for and free", async () => {
    await using t = await openTestGateway();
    const url = t.gateway.tcpUrl() as string;
    const headers = { authorization: `Bearer ${t.token}` };
    expect(await (await fetch(`${url}/v1/kv`, { method: "POST", headers, body: get })).json()).toEqual({
      value: null,
    });
    expect((await fetch(`${url}/v1/kv`, { method: "POST", body: get })).status).toBe(401);
    const port = Number(new URL(url).port);
    const second = createGatewayServer(() => {}, { runDir: `${t.dir}/run2`, forOthers: true, port });
    await expect(second.start(AbortSignal.timeout(60_000))).rejects.toMatchObject({ code: "conflict" });
    expect(existsSync(`${t.dir}/run2`)).toBe(false);
  });

  test("passes the request id on, and makes one where there is none", async () => {
    await using t = await openTestGateway();
    const given = await t.call("/nowhere", { headers: { "x-request-id": "req_1" } });
    expect(given.headers["x-request-id"]).toBe("req_1");
    expect(given.json()).toMatchObject({ requestId: "req_1", error: "not_found" });
    const made = await t.call("/nowhere", { headers: { "x-request-id": "no good" } });
    expect(made.headers["x-request-id"]).toMatch(/^req_[0-9A-Z]{26}$/);
  });

  test("refuses other methods", async () => {
    await using t = await openTestGateway();
    expect((await t.call("/v1/kv")).status).toBe(405);
    expect((await t.call("/v1/storage/object?ref=a", { method: "POST" })).status).toBe(405);
  });

  test("refuses a body that is too long without reading it all, and one that is no JSON", async () => {
    await using t = await openTestGateway();
    const chunk = Buffer.alloc(1024 * 1024, "a");
    let sent = 0;
    const endless = new Readable({
      read() {
        sent += chunk.length;
        this.push(sent > 500 * chunk.length ? null : chunk);
      },
    });
    const reply = await t.call("/v1/kv", { method: "POST", body: endless });
    expect(reply.status).toBe(413);
    expect(sent).toBeLessThan(100 * chunk.length);
    const bad = ["", "{", "[]", "null", '"x"', '{"op":"get","key":"k"}x', Buffer.from([0x7b, 0xff, 0x7d])];
    for (const body of bad) {
      const refused = await t.call("/v1/kv", { method: "POST", body });
      expect([refused.status, refused.json()["error"]], String(body)).toEqual([400, "bad_request"]);
    }
  });

  test("survives broken requests", async () => {
    await using t = await openTestGateway();
    for (const bytes of [
      "\0\0\0",
      "GET / HTTP/1.1\r\nHost: a\r\nHost: b",
      "POST /v1/kv HTTP/9\r\n\r\n",
      "x".repeat(100_000),
    ]) {
      await new Promise<void>((resolve) => {
        const socket = createConnection(t.socketPath, () => socket.end(bytes));
        socket.on("error", () => {}).on("close", () => resolve());
        socket.resume();
      });
    }
    expect((await t.call("/v1/kv", { method: "POST", body: get })).status).toBe(200);
  });

  test("holds one instance to its share of calls at a time, and its neighbours to nothing", async () => {
    const held = Promise.withResolvers<void>();
    let begun = 0;
    await using t = await openTestGateway({
      publishers: {
        nats: {
          publish() {
            begun++;
            return held.promise.then(() => ({ place: "x", duplicate: false }));
          },
          close: () => Promise.resolve(),
        },
      },
    });
    const publish = { method: "POST", body: '{"subject":"mq.a.b","data":1}' };
    const waiting = Array.from({ length: 256 }, () => t.call("/v1/publish", publish));
    // One that came before all of these would be held itself.
    await expect.poll(() => begun).toBe(256);
    expect((await t.call("/v1/publish", publish)).status).toBe(429);
    expect((await t.as({ function: "g" })("/v1/kv", { method: "POST", body: get })).status).toBe(200);
    held.resolve();
    expect(new Set((await Promise.all(waiting)).map(({ status }) => status))).toEqual(new Set([200]));
    expect((await t.call("/v1/publish", publish)).status).toBe(200);
  });

  test("counts calls by kind and status", async () => {
    await using t = await openTestGateway();
    await t.kv({ op: "get", key: "k" });
    await t.kv({ op: "nonsense" });
    await t.call("/nowhere");
    const text = t.registry.text();
    expect(text).toContain('hanzo_fn_gateway_requests_total{kind="kv",status="200"} 1');
    expect(text).toContain('hanzo_fn_gateway_requests_total{kind="kv",status="400"} 1');
    expect(text).toContain('hanzo_fn_gateway_requests_total{kind="",status="404"} 1');
    expect(text).toContain('hanzo_fn_gateway_request_duration_seconds_count{kind="kv"} 2');
  });
});

describe("kv on the wire", () => {
  test("is as the protocol says", async () => {
    await using t = await openTestGateway();
    const value = async (command: Record<string, unknown>) => (await t.kv(command))["value"];
    expect(await value({ op: "set", key: "k", data: { text: "grüße" } })).toBe(true);
    expect(await value({ op: "get", key: "k" })).toEqual({ text: "grüße" });
    expect(await value({ op: "set", key: "b", data: { base64: "/wA=" }, ttl_ms: 60_000, nx: true })).toBe(
      true,
    );
    expect(await value({ op: "get", key: "b" })).toEqual({ base64: "/wA=" });
    expect(await value({ op: "set", key: "b", data: { text: "" }, nx: true })).toBe(false);
    expect(await value({ op: "ttl", key: "b" })).toBeGreaterThan(0);
    expect(await value({ op: "exists", keys: ["k", "none"] })).toBe(1);
    expect(await value({ op: "incr", key: "n", by: 5 })).toBe(5);
    expect(await value({ op: "expire", key: "n", ttl_ms: 1000 })).toBe(true);
    expect(
      await value({ op: "hset", key: "h", fields: { a: { text: "1" }, __proto__x: { text: "2" } } }),
    ).toBe(2);
    expect(await value({ op: "hget", key: "h", field: "a" })).toEqual({ text: "1" });
    expect(await value({ op: "hgetall", key: "h" })).toEqual({ a: { text: "1" }, __proto__x: { text: "2" } });
    expect(await value({ op: "hdel", key: "h", fields: ["a"] })).toBe(1);
    expect(await value({ op: "rpush", key: "l", values: [{ text: "1" }, { text: "2" }] })).toBe(2);
    expect(await value({ op: "lpush", key: "l", values: [{ text: "0" }] })).toBe(3);
    expect(await value({ op: "llen", key: "l" })).toBe(3);
    expect(await value({ op: "lpop", key: "l" })).toEqual({ text: "0" });
    expect(await value({ op: "rpop", key: "l" })).toEqual({ text: "2" });
    expect(await value({ op: "scan", pattern: "?" })).toEqual({
      keys: ["b", "h", "k", "l", "n"],
      cursor: null,
    });
    expect(await value({ op: "delete", keys: ["k", "b", "h", "l", "n"] })).toBe(5);
    expect(await value({ op: "get", key: "k" })).toBeNull();
    expect(await t.kv({ op: "rpop", key: "l" })).toEqual({ value: null });
  });

  test("tells another kind, a full quota and a key that is too long apart", async () => {
    await using t = await openTestGateway();
    await t.kv({ op: "hset", key: "h", fields: { a: { text: "1" } } });
    expect(await t.kv({ op: "get", key: "h" })).toMatchObject({ code: 409, error: "conflict" });
    expect(await t.kv({ op: "get", key: "x".repeat(1025) })).toMatchObject({
      code: 413,
      error: "payload_too_large",
    });
    const data = { text: "x".repeat(600_000) };
    await t.kv({ op: "set", key: "a", data });
    expect(await t.kv({ op: "set", key: "b", data })).toMatchObject({ code: 507, error: "storage_full" });
  });
});
