import { ulid, type RouteAuth } from "@hanzo-fn/contract";
import { describe, expect, test } from "vitest";
import type { ClaimResult, Store } from "./index.ts";
import { aFunction, NOW, testStore } from "./test-setup.ts";

interface Wanted {
  readonly org: string;
  readonly fn: string;
  readonly auth: RouteAuth;
  readonly path?: string;
  readonly methods?: readonly string[];
}

const newId = (): string => `trg_${ulid()}`;

/** A deploy in small: function, trigger and routes in one transaction. */
function claim(
  store: Store,
  { org, fn, auth, path = "/p", methods = ["POST"] }: Wanted,
): Promise<ClaimResult> {
  return store.withTransaction(async (tx) => {
    await tx.functions.insert(aFunction(fn, { org }), NOW);
    const [trigger] = await tx.triggers.replace(org, fn, [{ type: "http", key: path, spec: {} }], newId, NOW);
    return tx.httpRoutes.claim(
      org,
      fn,
      methods.map((method) => ({ triggerId: trigger!.id, auth, path, method })),
    );
  });
}

const CLAIMED = { claimed: true };
const refused = (owner: string | undefined) => ({
  claimed: false,
  conflicts: [{ path: "/p", method: "POST", owner }],
});

describe("a path that another function holds", () => {
  const own = "own" as const;
  const foreign = "foreign" as const;
  test.each<[RouteAuth, RouteAuth, "own" | "foreign", boolean]>([
    ["required", "required", own, false],
    ["required", "required", foreign, true],
    ["required", "optional", own, false],
    ["required", "optional", foreign, false],
    ["required", "none", own, false],
    ["required", "none", foreign, false],
    ["optional", "required", own, false],
    ["optional", "required", foreign, false],
    ["optional", "optional", own, false],
    ["optional", "none", foreign, false],
    ["none", "required", own, false],
    ["none", "required", foreign, false],
    ["none", "optional", own, false],
    ["none", "none", foreign, false],
  ])(
    "as %s and is wanted as %s by a function of %s organisation: allowed %s",
    async (held, wanted, whose, allowed) => {
      await using t = await testStore();
      expect(await claim(t.store, { org: "acme", fn: "holder", auth: held })).toEqual(CLAIMED);
      const org = whose === "own" ? "acme" : "other";
      const result = await claim(t.store, { org, fn: "rival", auth: wanted });
      expect(result).toEqual(allowed ? CLAIMED : refused(whose === "own" ? "holder" : undefined));
    },
  );
});

describe("a claim", () => {
  test("of another method of the same path is no conflict", async () => {
    await using t = await testStore();
    expect(await claim(t.store, { org: "acme", fn: "f", auth: "none", methods: ["GET"] })).toEqual(CLAIMED);
    expect(await claim(t.store, { org: "acme", fn: "g", auth: "none", methods: ["PUT", "POST"] })).toEqual(
      CLAIMED,
    );
  });

  test("names every conflict and changes nothing", async () => {
    await using t = await testStore();
    await claim(t.store, { org: "acme", fn: "f", auth: "none", methods: ["GET", "POST"] });
    await claim(t.store, { org: "acme", fn: "g", auth: "none", path: "/g" });
    const result = await claim(t.store, {
      org: "acme",
      fn: "g",
      auth: "none",
      methods: ["PUT", "POST", "GET"],
    });
    expect(result).toEqual({
      claimed: false,
      conflicts: [
        { path: "/p", method: "GET", owner: "f" },
        { path: "/p", method: "POST", owner: "f" },
      ],
    });
  });

  test("of a path twice in one function names the function itself", async () => {
    await using t = await testStore();
    expect(await claim(t.store, { org: "acme", fn: "f", auth: "none", methods: ["POST", "POST"] })).toEqual(
      refused("f"),
    );
  });

  test("made again replaces the function's own routes, and frees those it no longer wants", async () => {
    await using t = await testStore();
    await claim(t.store, { org: "acme", fn: "f", auth: "none", methods: ["GET", "POST"] });
    expect(await claim(t.store, { org: "acme", fn: "f", auth: "required", methods: ["POST"] })).toEqual(
      CLAIMED,
    );
    expect(await t.store.httpRoutes.listOf("acme", "f")).toMatchObject([
      { method: "POST", auth: "required" },
    ]);
    expect(await claim(t.store, { org: "other", fn: "g", auth: "none", methods: ["GET"] })).toEqual(CLAIMED);
  });

  test("is free again when the function that held it is gone", async () => {
    await using t = await testStore();
    await claim(t.store, { org: "acme", fn: "f", auth: "none" });
    await t.store.functions.delete("acme", "f");
    expect(await claim(t.store, { org: "other", fn: "g", auth: "none" })).toEqual(CLAIMED);
  });

  test("made by many at once is won by one, whatever their kinds of auth", async () => {
    await using t = await testStore();
    const auths: RouteAuth[] = ["required", "optional", "none"];
    const results = await Promise.all(
      Array.from({ length: 12 }, (_, i) =>
        claim(t.store, { org: "acme", fn: `f-${i}`, auth: auths[i % 3]!, path: "/race" }),
      ),
    );
    expect(results.filter((result) => result.claimed)).toHaveLength(1);
  });

  test("made at once by two organisations, one with and one without auth, is won by one", async () => {
    await using t = await testStore();
    for (let round = 0; round < 10; round++) {
      const path = `/race/${round}`;
      const results = await Promise.all([
        claim(t.store, { org: "acme", fn: `f-${round}`, auth: "required", path }),
        claim(t.store, { org: "other", fn: `f-${round}`, auth: "none", path }),
      ]);
      expect(results.filter((result) => result.claimed)).toHaveLength(1);
    }
  });
});
