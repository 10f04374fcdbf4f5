import { PlatformError, type Cors } from "@hanzo-fn/contract";
import { describe, expect, it } from "vitest";
import { respond, startFakeUpstream } from "../src/fake-upstream.ts";
import { functionRoutes, httpRoute, startProxy } from "./harness.ts";

const required = httpRoute("/r", { auth: "required" });
const two = [
  { name: "f-00001", number: 1, runtime: "python", timeoutMs: 5000, percent: 100 },
  { name: "f-00002", number: 2, runtime: "python", timeoutMs: 5000, percent: 0 },
];

async function ask(setup: Parameters<typeof startProxy>[1], request: string, more: string[] = []) {
  const upstream = await startFakeUpstream(respond("ok"));
  const proxy = await startProxy(upstream.address, setup);
  const client = await proxy.client();
  const answers = [];
  for (const text of [request, ...more]) answers.push(await client.send(text).answer());
  const first = answers[0] as (typeof answers)[number];
  const json = first.body.startsWith("{") ? (JSON.parse(first.body) as Record<string, unknown>) : {};
  return {
    ...first,
    json,
    answers,
    upstream,
    proxy,
    async [Symbol.asyncDispose]() {
      client.socket.destroy();
      await proxy[Symbol.asyncDispose]();
      await upstream[Symbol.asyncDispose]();
    },
  };
}

function get(path: string, ...lines: string[]): string {
  return `GET ${path} HTTP/1.1\r\nHost: h\r\n${lines.map((line) => `${line}\r\n`).join("")}\r\n`;
}
function post(path: string, ...lines: string[]): string {
  return get(path, ...lines).replace("GET", "POST");
}

describe("authentication", () => {
  it.each([
    ["no token on a required route", get("/r"), 401, "unauthorized"],
    ["a bad token on a required route", get("/r", "Authorization: Bearer bad/x"), 401, "unauthorized"],
    [
      "a token without functions:invoke",
      get("/r", "Authorization: Bearer acme/u/functions:read"),
      403,
      "forbidden",
    ],
    ["a token of another organisation", get("/r", "Authorization: Bearer other/u"), 404, "not_found"],
    ["a bad token on an optional route", get("/o", "Authorization: Bearer bad/x"), 401, "unauthorized"],
    ["no token on /invoke", post("/v1/functions/f/invoke"), 401, "unauthorized"],
    ["a foreign token on /invoke", post("/v1/functions/f/invoke", "X-API-Key: other/u"), 404, "not_found"],
    [
      "a read-only token on /invoke",
      post("/v1/functions/f/invoke", "X-API-Key: acme/u/functions:read"),
      403,
      "forbidden",
    ],
    ["a path that is not there", get("/nowhere"), 404, "not_found"],
    ["a platform path", get("/.hanzo/ping"), 404, "not_found"],
    ["a platform path in disguise", get("/%2ehanzo%2fping"), 404, "not_found"],
    ["a dot segment", get("/o/../r"), 400, "bad_request"],
    ["an empty segment", get("//r"), 400, "bad_request"],
    [
      "a method that the route does not take",
      get("/r", "Authorization: Bearer acme/u").replace("GET", "PUT"),
      405,
      "method_not_allowed",
    ],
    ["GET on /invoke", get("/v1/functions/f/invoke", "X-API-Key: acme/u"), 405, "method_not_allowed"],
  ])("refuses %s", async (_name, request, status, code) => {
    const routes = [required, httpRoute("/o", { auth: "optional" }), httpRoute("/.hanzo/*")];
    await using result = await ask([functionRoutes(routes)], request);
    expect(result.status).toBe(status);
    expect(result.json).toMatchObject({ status: "error", code: status, error: code });
    expect(result.json["component"]).toMatch(/invoke-proxy|auth/);
    expect(result.head).toContain(`X-Function-Not-Delivered: ${code}\r\n`);
    expect(result.head).toContain(`X-Request-ID: ${String(result.json["requestId"])}\r\n`);
    expect(result.head.includes("WWW-Authenticate: Bearer")).toBe(status === 401 || status === 403);
    expect(result.head.includes("Allow: ")).toBe(status === 405);
    expect(result.upstream.requests).toEqual([]);
    expect(result.proxy.observer.records).toEqual([]);
    expect(result.proxy.observer.accesses).toEqual([`${status} ${code}`]);
  });

  it("lets a token of the organisation in, ends its credentials here and mints who called", async () => {
    const request = get("/r", "Authorization: Bearer acme/ann", "X-User-Id: root", "X-Org-Id: evil");
    await using result = await ask([functionRoutes([required])], request);
    expect(result.status).toBe(200);
    const { head } = result.upstream.requests[0] ?? { head: "" };
    expect(head).toContain("X-User-Id: ann\r\nX-Org-Id: acme\r\n");
    expect(head).not.toMatch(/authorization|root|evil/i);
    expect(head).toContain("X-Function-Trigger-Id: trg_/r\r\n");
    expect(head).toContain("X-Function-Trigger-Source: /r\r\n");
    expect(head).toContain("X-Function-Deadline-Ms: 5000\r\n");
    expect(head).toMatch(/traceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]\r\n/);
    expect(head).toContain(
      "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: h\r\n",
    );
  });

  it("asks about a token once for many calls of a connection", async () => {
    const request = get("/r", "Authorization: Bearer acme/ann");
    await using result = await ask([functionRoutes([required])], request, [request, request]);
    expect(result.answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(result.proxy.authenticator.asked).toBe(1);
  });

  it("passes the caller's own credentials through on an open route", async () => {
    await using result = await ask(
      [functionRoutes([httpRoute("/n")])],
      get("/n", "Authorization: Basic eDp5"),
    );
    expect(result.status).toBe(200);
    expect(result.upstream.requests[0]?.head).toContain("Authorization: Basic eDp5\r\n");
    expect(result.proxy.authenticator.asked).toBe(0);
  });

  it("calls an optional route without a token as nobody", async () => {
    await using result = await ask([functionRoutes([httpRoute("/o", { auth: "optional" })])], get("/o"));
    expect(result.status).toBe(200);
    expect(result.upstream.requests[0]?.head).not.toMatch(/X-User-Id|X-Org-Id/);
  });

  it("chooses among organisations by the token where they share a path", async () => {
    const own = functionRoutes([required], { org: "other", function: "g" });
    await using result = await ask(
      [functionRoutes([required]), own],
      get("/r", "Authorization: Bearer other/u"),
    );
    expect(result.head).toContain("X-Function-Name: g\r\n");
  });

  it("keeps an open route open where another organisation claims its path", async () => {
    const open = functionRoutes([httpRoute("/r")]);
    const claim = functionRoutes([required], { org: "other", function: "g" });
    const foreign = "Authorization: Basic something";
    await using result = await ask([open, claim], get("/r", foreign), [
      get("/r"),
      get("/r", "X-API-Key: other/u"),
    ]);
    const names = result.answers.map(({ head }) => /X-Function-Name: (\w+)/.exec(head)?.[1]);
    expect(names).toEqual(["f", "f", "g"]);
    expect(result.upstream.requests[0]?.head).toContain(foreign);
  });
});

describe("revisions", () => {
  const invoke = (...lines: string[]) => post("/v1/functions/f/invoke", ...lines);
  const deployer = "Authorization: Bearer acme/u/functions:invoke,functions:deploy";

  it.each([
    ["by number", "2"],
    ["by name", "f-00002"],
  ])("serves the revision that a deployer pins %s", async (_name, pin) => {
    const request = invoke(deployer, `X-Function-Revision: ${pin}`);
    await using result = await ask([functionRoutes([], { revisions: two })], request);
    expect(result.head).toContain("X-Function-Revision: f-00002\r\n");
    expect(result.proxy.instances.leases[0]?.key).toBe("acme/f-00002");
    expect(result.upstream.requests[0]?.head).not.toContain("X-Function-Revision");
  });

  it.each([
    ["without functions:deploy", "Authorization: Bearer acme/u", "2", 403, "forbidden"],
    ["that is not there", deployer, "7", 404, "not_found"],
  ])("refuses a pin %s", async (_name, token, pin, status, code) => {
    const request = invoke(token, `X-Function-Revision: ${pin}`);
    await using result = await ask([functionRoutes([], { revisions: two })], request);
    expect(result.status).toBe(status);
    expect(result.head).toContain(`X-Function-Not-Delivered: ${code}\r\n`);
    expect(result.head).toContain("X-Function-Name: f\r\n");
  });

  it("answers with the failure of a revision that cannot serve", async () => {
    const failed = { code: "load_failed", message: "no module named x" } as const;
    const revisions = two.map((revision) => ({ ...revision, percent: 0, failed }));
    await using result = await ask([functionRoutes([], { revisions })], invoke(deployer));
    expect(result.status).toBe(422);
    expect(result.json).toMatchObject({ error: "load_failed", msg: "no module named x", function: "f" });
  });

  it("lets a platform token set the trigger and use any method", async () => {
    const lines = ["Authorization: Bearer acme/platform", "X-Function-Trigger: mq", "X-Function-Attempt: 3"];
    await using result = await ask([functionRoutes([])], get("/v1/functions/f/invoke", ...lines));
    expect(result.status).toBe(200);
    expect(result.upstream.requests[0]?.head).toContain(
      "X-Function-Trigger: mq\r\nX-Function-Attempt: 3\r\n",
    );
    expect(await result.proxy.observer.recorded(1)).toMatchObject({ trigger: "mq" });
  });
});

describe("rate limit", () => {
  const limited = httpRoute("/l", { auth: "optional", rateLimit: { count: 2, windowMs: 3_600_000 } });

  it("refuses what is too much with 429, and says how much is left before", async () => {
    const request = get("/l");
    await using result = await ask([functionRoutes([limited])], request, [request, request]);
    const [first, second, third] = result.answers;
    expect(first?.head).toContain("X-RateLimit-Limit: 2\r\nX-RateLimit-Remaining: 1\r\nX-RateLimit-Reset: ");
    expect(second?.head).toContain("X-RateLimit-Remaining: 0\r\n");
    expect(third?.status).toBe(429);
    expect(third?.head).toMatch(/Retry-After: \d+\r\n/);
    expect(third?.head).toContain("X-Function-Not-Delivered: rate_limited\r\n");
    expect(result.upstream.requests).toHaveLength(2);
  });

  it("counts every caller for itself", async () => {
    const as = (name: string) => get("/l", `Authorization: Bearer acme/${name}`);
    const more = [as("a"), as("b"), as("b"), as("b"), get("/l")];
    await using result = await ask([functionRoutes([limited])], as("a"), more);
    expect(result.answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 429, 200]);
  });
});

describe("CORS", () => {
  const cors: Cors = {
    origins: ["https://a.example"],
    methods: ["GET"],
    headers: [],
    exposeHeaders: [],
    credentials: false,
    maxAgeSeconds: 60,
  };
  const route = httpRoute("/c", { auth: "required", cors });

  it("answers a preflight without a token and without waking the function", async () => {
    const lines = ["Origin: https://a.example", "Access-Control-Request-Method: GET"];
    await using result = await ask([functionRoutes([route])], get("/c", ...lines).replace("GET", "OPTIONS"));
    expect(result.status).toBe(204);
    expect(result.head).toContain("Access-Control-Allow-Origin: https://a.example\r\n");
    expect(result.head).toContain("Access-Control-Max-Age: 60\r\n");
    expect(result.head).toContain("X-Function-Not-Delivered: preflight\r\n");
    expect(result.proxy.instances.leases).toEqual([]);
  });

  it("lets a page read answers and errors, and its word is the last", async () => {
    const upstream = await startFakeUpstream(respond("ok", "Access-Control-Allow-Origin: *\r\n"));
    await using proxy = await startProxy(upstream.address, [functionRoutes([route])]);
    const client = await proxy.client();
    const lines = ["Origin: https://a.example", "Authorization: Bearer acme/u"];
    const good = await client.send(get("/c", ...lines)).answer();
    expect(good.head.match(/Access-Control-Allow-Origin: .*/g)).toEqual([
      "Access-Control-Allow-Origin: https://a.example",
    ]);
    proxy.instances.warm = false;
    proxy.instances.onAcquire = () => Promise.reject(new PlatformError("queue_timeout", "too long"));
    const bad = await client.send(get("/c", ...lines)).answer();
    expect(bad.status).toBe(503);
    expect(bad.head).toContain("Access-Control-Allow-Origin: https://a.example\r\n");
    await upstream[Symbol.asyncDispose]();
  });
});
