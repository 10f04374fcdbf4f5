import { gzipSync } from "node:zlib";
import { PlatformError } from "@hanzo-fn/contract";
import { LAYER_OPERATIONS } from "@hanzo-fn/contract/layer";
import { systemClock } from "@hanzo-fn/lifecycle";
import { openStore } from "@hanzo-fn/store";
import { silentLogger as log } from "@hanzo-fn/telemetry";
import { createTestDatabase, namedAuthenticator } from "@hanzo-fn/testkit";
import { createEmbeddedVectors, type VectorStore } from "@hanzo-fn/vectors";
import { describe, expect, test } from "vitest";
import { createLayer } from "./layer.ts";

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

async function layer(options: { readonly openTo?: string; readonly vectors?: Partial<VectorStore> } = {}) {
  const database = await createTestDatabase();
  const store = await openStore({ database, log, clock: systemClock });
  const vectors = { ...createEmbeddedVectors({ store }, { maxCacheBytes: 1_000_000 }), ...options.vectors };
  const { openTo } = options;
  const server = createLayer(
    { authenticator: namedAuthenticator, vectors, log },
    { host: "127.0.0.1", port: 0, maxHeadBytes: 8192, maxBodyBytes: 100_000, openTo },
  );
  await server.start(new AbortController().signal);
  const call = async (path: string, init: RequestInit = {}, as = "acme"): Promise<Answer> => {
    const headers = new Headers(init.headers);
    if (as !== "") headers.set("authorization", `Bearer ${as}`);
    const answer = await fetch(`http://127.0.0.1:${server.port()}${path}`, { ...init, headers });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };
  const post = (path: string, body: unknown, as?: string): Promise<Answer> =>
    call(path, { method: "POST", body: typeof body === "string" ? body : JSON.stringify(body) }, as);
  return {
    call,
    post,
    async [Symbol.asyncDispose]() {
      await server.stop(0);
      await store.close();
      await database[Symbol.asyncDispose]();
    },
  };
}

const ROWS = { upsert_rows: [{ id: "a", vector: [1, 0], color: "red" }] };
const N = "/v2/namespaces/n";

describe("who may call", () => {
  test("each operation asks for its permission, and for a caller before that", async () => {
    await using t = await layer();
    for (const { method, path, permission } of LAYER_OPERATIONS) {
      const at = path.replaceAll(/\{\w+\}/g, "n");
      if (permission === "public") {
        expect([path, (await t.call(at, { method }, "")).status]).toEqual([path, 200]);
        continue;
      }
      expect([path, await t.call(at, { method }, "")]).toMatchObject([
        path,
        { status: 401, body: { error: "unauthorized" } },
      ]);
      const others = permission === "layer:read" ? "layer:write" : "layer:read";
      expect([path, await t.call(at, { method }, `acme/${others}`)]).toMatchObject([
        path,
        {
          status: 403,
          body: { error: "forbidden", message: `this operation needs the permission ${permission}` },
        },
      ]);
      expect(
        (await t.call(at, { method, ...(method === "POST" ? { body: "{}" } : {}) }, `acme/${permission}`))
          .status,
      ).not.toBe(403);
    }
  });

  test("what one organisation keeps, no other finds by any route", async () => {
    await using t = await layer();
    await t.post(N, ROWS);
    for (const { method, path, permission } of LAYER_OPERATIONS) {
      if (permission === "public" || !path.includes("{")) continue;
      const at = path.replace("{namespace}", "n").replace("{id}", "a");
      const body = path.endsWith("/documents")
        ? { ids: ["a"] }
        : path.endsWith("query")
          ? { rank_by: ["id", "asc"] }
          : {};
      const answer = await t.call(
        at,
        { method, ...(method === "POST" ? { body: JSON.stringify(body) } : {}) },
        "other",
      );
      // A write makes a namespace of their own.
      if (path === "/v2/namespaces/{namespace}" && method === "POST") expect(answer.status).toBe(200);
      else if (method !== "DELETE")
        expect([at, answer.status, JSON.stringify(answer.body)]).not.toEqual([
          at,
          200,
          expect.stringContaining("red"),
        ]);
    }
    expect((await t.call("/v2/namespaces", {}, "third")).body).toEqual({ namespaces: [] });
    expect((await t.call(`${N}/documents/a`)).body).toEqual({ id: "a", attributes: { color: "red" } });
  });

  test("where it is open, a caller without credentials acts for its organisation, and bad ones are still refused", async () => {
    await using t = await layer({ openTo: "acme" });
    expect((await t.post(N, ROWS, "")).status).toBe(200);
    expect((await t.call(`${N}/documents/a`, {}, "acme")).status).toBe(200);
    expect((await t.call(`${N}/documents/a`, {}, "other")).status).toBe(404);
  });
});

describe("documents", () => {
  test("are found by ids that are numbers as well as by text, and what is missing is said", async () => {
    await using t = await layer();
    await t.post(N, { upsert_rows: [{ id: 7, vector: [1], color: "red", size: 1 }] });
    expect((await t.call(`${N}/documents/7?include_attributes=size`)).body).toEqual({
      id: "7",
      attributes: { size: 1 },
    });
    expect((await t.post(`${N}/documents`, { ids: ["7", 8], include_attributes: ["color"] })).body).toEqual({
      documents: [{ id: "7", attributes: { color: "red" } }],
      missing: ["8"],
    });
    expect(await t.call(`${N}/documents/8`)).toMatchObject({ status: 404, body: { error: "not_found" } });
  });
});

describe("bad input", () => {
  test("each is refused with its reason, and a neighbour keeps answering", async () => {
    await using t = await layer();
    await t.post(N, ROWS);
    const cases: readonly (readonly [path: string, body: unknown, status: number, message: string])[] = [
      [N, "{", 400, "the body is not JSON"],
      [N, "[]", 422, "the body must be a write"],
      [
        N,
        { upsert_rows: [{ id: "b", vector: [1, null] }] },
        422,
        "upsert_rows[0].vector[1] must be a finite number",
      ],
      [
        N,
        { upsert_rows: [{ id: "b", vector: [1, 2, 3] }] },
        422,
        "has 3 dimensions, and the namespace's have 2",
      ],
      [
        N,
        { upsert_rows: [{ id: "x".repeat(65), vector: [1, 2] }] },
        422,
        "must have 1 to 64 bytes; this has 65",
      ],
      [N, { upsert_rows: [{ id: "b" }, { id: "b" }] }, 422, 'upsert names the id "b" twice'],
      [
        N,
        { upsert_rows: [{ id: 1, vector: [1, 2] }] },
        422,
        "the id 1 is a number, and the namespace's ids are text",
      ],
      [
        N,
        { upsert_rows: [{ id: "b", color: 3 }] },
        422,
        "the attribute color is of type string in this namespace",
      ],
      [N, { upsert_rows: [{ id: "b", text: "x".repeat(100_000) }] }, 413, "a body may have 100000 bytes"],
      ["/v2/namespaces/a%20b", ROWS, 422, "a namespace's name has 1 to 128 letters"],
      [`${N}/query`, { rank_by: ["vector", "ANN", [1]] }, 422, "the query's vector has 1 dimensions"],
      [
        `${N}/query`,
        { rank_by: ["id", "asc"], filters: ["color", "Regex", "("] },
        422,
        "a pattern that cannot be read",
      ],
      [`${N}/query`, { queries: Array.from({ length: 17 }, () => ({})) }, 422, "queries may have 16 entries"],
      [`${N}/documents`, { ids: "a" }, 422, "ids must be a list"],
      ["/v2/namespaces/missing/query", { rank_by: ["id", "asc"] }, 404, "there is no namespace missing"],
      ["/v2/nothing", {}, 404, "Layer has no POST /v2/nothing"],
    ];
    for (const [path, body, status, message] of cases) {
      const answer = await t.post(path, body);
      expect([path, answer.status, answer.body["message"]]).toEqual([
        path,
        status,
        expect.stringContaining(message),
      ]);
      expect((await t.call(`${N}/documents/a`)).status).toBe(200);
    }
  });

  test("filters that compare mixed types or miss attributes find nothing, and no filter is a wrong answer", async () => {
    await using t = await layer();
    await t.post(N, ROWS);
    const found = async (filters: unknown): Promise<unknown> =>
      (
        (await t.post(`${N}/query`, { rank_by: ["id", "asc"], filters })).body["rows"] as { id: string }[]
      ).map(({ id }) => id);
    expect(await found(["color", "Gt", 5])).toEqual([]);
    expect(await found(["missing", "NotEq", 5])).toEqual([]);
    expect(await found(["missing", "Eq", null])).toEqual(["a"]);
    expect(await found(["color", "Contains", "red"])).toEqual([]);
  });

  test("a body that unpacks to more than may be is refused, and one that does not is read", async () => {
    await using t = await layer();
    const zip = (body: unknown): RequestInit => ({
      method: "POST",
      body: gzipSync(JSON.stringify(body)),
      headers: { "content-encoding": "gzip" },
    });
    expect((await t.call(N, zip(ROWS))).status).toBe(200);
    expect((await t.call(N, zip({ upsert_rows: [{ id: "b", text: "x".repeat(200_000) }] }))).status).toBe(
      413,
    );
    expect((await t.call(N, { ...zip(ROWS), headers: { "content-encoding": "br" } })).status).toBe(422);
    expect(
      (await t.call(N, { method: "POST", body: "no gzip", headers: { "content-encoding": "gzip" } })).status,
    ).toBe(400);
  });

  test("a database that is away is 500, which clients try again, and its error stays inside", async () => {
    const away = new PlatformError("database_unavailable", "the database does not answer", {
      cause: new Error("password=secret"),
    });
    await using t = await layer({ vectors: { metadata: () => Promise.reject(away) } });
    const answer = await t.call(`${N}/metadata`);
    expect(answer).toMatchObject({ status: 500, body: { error: "database_unavailable" } });
    expect(JSON.stringify(answer.body)).not.toContain("secret");
    expect((await t.post(N, ROWS)).status).toBe(200);
  });
});
