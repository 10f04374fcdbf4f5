import type { Identity } from "@hanzo-fn/contract";
import { describe, expect, it } from "vitest";
import type { InvokeResponse } from "../src/index.ts";
import { raw, rawThenEnd, respond, startFakeUpstream } from "../src/fake-upstream.ts";
import { functionRoutes, identityOf, startProxy } from "./harness.ts";

const platform = identityOf("acme/platform") as Identity;
const user = identityOf("acme/ann") as Identity;
const never = new AbortController().signal;
const call = { org: "acme", function: "f" };

async function textOf(response: InvokeResponse): Promise<string> {
  let text = "";
  for await (const chunk of response.body) text += chunk.toString();
  return text;
}

async function* body() {
  yield Buffer.from("first");
  yield Buffer.from("second");
}

describe("invoke in process", () => {
  it("calls a function as the wire does, with the trigger of the platform", async () => {
    await using upstream = await startFakeUpstream(respond("hello", "X-A: b\r\n"));
    await using proxy = await startProxy(upstream.address, [functionRoutes([])]);
    const trigger = { type: "cron", source: "0 * * * *", id: "trg_1", attempt: 2 };
    const headers = { "Content-Type": "application/json", "X-Function-Name": "forged" };
    const json = Buffer.from(`{"é":1}`);
    const response = await proxy.invoker.invoke({ ...call, headers, body: json, trigger }, platform, never);
    expect(response.status).toBe(200);
    expect(await textOf(response)).toBe("hello");
    const sent = Object.fromEntries(response.headers);
    expect(sent).toMatchObject({ "x-a": "b", "x-function-name": "f", "x-function-revision": "f-00001" });
    const { head, body: seen } = upstream.requests[0] ?? { head: "", body: "" };
    expect(head).toMatch(/^POST \/v1\/functions\/f\/invoke HTTP\/1.1\r\n/);
    expect(head).toContain("X-Function-Trigger: cron\r\nX-Function-Trigger-Source: 0 * * * *\r\n");
    expect(head).toContain("X-Function-Attempt: 2\r\n");
    expect(head).not.toContain("forged");
    expect(Buffer.from(seen, "latin1").toString()).toBe(`{"é":1}`);
    expect(await proxy.observer.recorded(1)).toMatchObject({ trigger: "cron", status: "success" });
  });

  it("streams the request and the answer", async () => {
    await using upstream = await startFakeUpstream((socket) => {
      socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
    });
    await using proxy = await startProxy(upstream.address, [functionRoutes([])]);
    const response = await proxy.invoker.invoke({ ...call, body: body() }, user, never);
    const chunks = response.body[Symbol.asyncIterator]();
    expect((await chunks.next()).value?.toString()).toBe("one");
    const [socket] = upstream.sockets;
    socket?.write("3\r\ntwo\r\n0\r\n\r\n");
    expect((await chunks.next()).value?.toString()).toBe("two");
    expect((await chunks.next()).done).toBe(true);
    expect(upstream.requests[0]?.head).toContain("Transfer-Encoding: chunked");
  });

  it("answers errors of the platform as :8061 does", async () => {
    await using upstream = await startFakeUpstream();
    await using proxy = await startProxy(upstream.address, [functionRoutes([])]);
    const response = await proxy.invoker.invoke({ ...call, function: "g" }, user, never);
    expect(response.status).toBe(404);
    expect(Object.fromEntries(response.headers)).toMatchObject({ "x-function-not-delivered": "not_found" });
    expect(JSON.parse(await textOf(response))).toMatchObject({
      error: "not_found",
      component: "invoke-proxy",
    });
  });

  it("refuses an identity of another organisation or without functions:invoke", async () => {
    await using upstream = await startFakeUpstream();
    await using proxy = await startProxy(upstream.address, [functionRoutes([])]);
    for (const token of ["other/u", "acme/u/functions:read"]) {
      const response = await proxy.invoker.invoke(call, identityOf(token) as Identity, never);
      expect(response.status).toBe(403);
    }
    expect(upstream.requests).toEqual([]);
  });

  it("refuses headers and targets that would not stay what they are on the wire", async () => {
    await using upstream = await startFakeUpstream();
    await using proxy = await startProxy(upstream.address, [functionRoutes([])]);
    for (const bad of [
      { headers: { "X-A": "b\r\nX-Evil: 1" } },
      { headers: { "X A": "b" } },
      { target: "/a b" },
      { target: "http://evil/" },
    ]) {
      const refused = proxy.invoker.invoke({ ...call, ...bad }, platform, never);
      await expect(refused).rejects.toMatchObject({ code: "bad_request" });
    }
    expect(upstream.accepted).toBe(0);
  });

  it("ends the body with an error where the answer broke off", async () => {
    await using upstream = await startFakeUpstream(
      rawThenEnd("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart"),
    );
    await using proxy = await startProxy(upstream.address, [functionRoutes([])]);
    const response = await proxy.invoker.invoke(call, user, never);
    await expect(textOf(response)).rejects.toThrow("broke off");
  });

  it("cancels the function when the signal aborts, before and within the answer", async () => {
    await using upstream = await startFakeUpstream(() => undefined);
    await using proxy = await startProxy(upstream.address, [functionRoutes([])]);
    const first = new AbortController();
    const waiting = proxy.invoker.invoke(call, user, first.signal);
    const seen = await upstream.request(1);
    first.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    await seen.closed;

    upstream.script = raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
    const second = new AbortController();
    const response = await proxy.invoker.invoke(call, user, second.signal);
    second.abort(new Error("enough"));
    await expect(textOf(response)).rejects.toThrow("enough");
    await (
      await upstream.request(2)
    ).closed;
    expect(proxy.instances.leases.map(({ released }) => released)).toEqual([1, 1]);
  });

  it("cancels the function when its answer is not read to the end", async () => {
    await using upstream = await startFakeUpstream(
      raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n"),
    );
    await using proxy = await startProxy(upstream.address, [functionRoutes([])]);
    const response = await proxy.invoker.invoke(call, user, never);
    for await (const chunk of response.body) {
      expect(chunk.toString()).toBe("one");
      break;
    }
    await (
      await upstream.request(1)
    ).closed;
  });

  it("retries over a fresh connection where the kernel refused to write to the kept one", async () => {
    const path = `${process.env["TMPDIR"] ?? "/tmp"}/hanzo-fn-retry-${process.pid}.sock`;
    await using upstream = await startFakeUpstream(respond("fine"), { path });
    await using proxy = await startProxy(upstream.address, [functionRoutes([])]);
    expect(await textOf(await proxy.invoker.invoke(call, user, never))).toBe("fine");
    // Closed, and written to before the proxy can have heard of it.
    for (const socket of upstream.sockets) socket.destroy();
    const response = await proxy.invoker.invoke({ ...call, body: Buffer.from("again") }, user, never);
    expect([response.status, await textOf(response)]).toEqual([200, "fine"]);
    expect(upstream.accepted).toBe(2);
    expect(proxy.instances.leases.map(({ released }) => released)).toEqual([1, 1]);
  });

  it("does not retry where the kept connection took the request and broke", async () => {
    await using upstream = await startFakeUpstream(respond("fine"));
    await using proxy = await startProxy(upstream.address, [functionRoutes([])]);
    expect(await textOf(await proxy.invoker.invoke(call, user, never))).toBe("fine");
    for (const socket of upstream.sockets) socket.destroy();
    const response = await proxy.invoker.invoke(call, user, never);
    expect(response.status).toBe(502);
    expect(Object.fromEntries(response.headers)).not.toHaveProperty("x-function-not-delivered");
    expect(upstream.accepted).toBe(1);
  });
});
