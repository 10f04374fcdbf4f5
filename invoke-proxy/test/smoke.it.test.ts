import { expect, it } from "vitest";
import { respond, startFakeUpstream } from "../src/fake-upstream.ts";
import { functionRoutes, httpRoute, startProxy } from "./harness.ts";

it("serves a route and says which function, revision and instance answered", async () => {
  await using upstream = await startFakeUpstream(respond("hello", "X-Function-Name: forged\r\nX-A: b\r\n"));
  await using proxy = await startProxy(upstream.address, [functionRoutes([httpRoute("/hello")])]);
  const client = await proxy.client();
  for (let i = 0; i < 3; i++) {
    const { status, head, body } = await client
      .send("GET /hello?q=1 HTTP/1.1\r\nHost: h\r\nX-Request-ID: abc\r\nX-Function-Trigger: mq\r\n\r\n")
      .answer();
    expect(status).toBe(200);
    expect(body).toBe("hello");
    expect(head).toContain("X-Function-Name: f\r\n");
    expect(head).toContain("X-Function-Revision: f-00001\r\n");
    expect(head).toMatch(/X-Function-Duration-Ms: \d+\r\n/);
    expect(head).toContain("X-Function-Instance: fn-f-00001-local-abc\r\n");
    expect(head).toContain("X-Request-ID: abc\r\n");
    expect(head).toContain("X-A: b\r\n");
    expect(head).not.toContain("forged");
    expect(upstream.requests[i]?.head).toContain("X-Function-Trigger: http\r\n");
    expect(upstream.requests[i]?.head).not.toContain("mq");
  }
  expect(upstream.accepted).toBe(1);
  expect(proxy.instances.leases.every(({ released }) => released === 1)).toBe(true);
  expect(proxy.observer.records).toHaveLength(3);
});

it("passes a body on and answers again on the same connection", async () => {
  await using upstream = await startFakeUpstream(respond("ok"));
  await using proxy = await startProxy(upstream.address, [functionRoutes([httpRoute("/hello")])]);
  const client = await proxy.client();
  const first = await client.send("POST /hello HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc").answer();
  expect(first.status).toBe(200);
  expect(upstream.requests[0]?.body).toBe("abc");
});
