import type { HttpRoute } from "@hanzo-fn/contract";
import { expect, it } from "vitest";
import { functionRoutes, httpRoute } from "../test/harness.ts";
import { createRateLimiter } from "./rate-limit.ts";
import { createRouteTable } from "./route-table.ts";

function tableWith(...functions: Array<readonly [name: string, routes: readonly HttpRoute[]]>) {
  const limiter = createRateLimiter({ maxKeys: 10 });
  const table = createRouteTable({ limiter });
  for (const [name, routes] of functions) table.upsert(functionRoutes(routes, { function: name }));
  const owner = (path: string) => table.find(path)?.routes.map(({ fn }) => fn.function);
  return { table, limiter, owner };
}

it("prefers the exact path, then the longest wildcard", () => {
  const { owner } = tableWith(
    ["root", [httpRoute("/*")]],
    ["a", [httpRoute("/a/*")]],
    ["ab", [httpRoute("/a/b/*")]],
    ["exact", [httpRoute("/a/b/c")]],
  );
  expect(owner("/a/b/c")).toEqual(["exact"]);
  expect(owner("/a/b/d")).toEqual(["ab"]);
  expect(owner("/a/b/d/e/f")).toEqual(["ab"]);
  expect(owner("/a/b/")).toEqual(["ab"]);
  expect(owner("/a/b")).toEqual(["a"]);
  expect(owner("/a/x")).toEqual(["a"]);
  expect(owner("/x/y")).toEqual(["root"]);
  expect(owner("/")).toEqual(["root"]);
});

it("finds nothing where nothing matches", () => {
  const { owner } = tableWith(["a", [httpRoute("/a"), httpRoute("/b/*")]]);
  expect(owner("/")).toBeUndefined();
  expect(owner("/a/")).toBeUndefined();
  expect(owner("/b")).toBeUndefined();
});

it("lists every match, most specific first", () => {
  const { table } = tableWith(["f", [httpRoute("/*"), httpRoute("/a/*"), httpRoute("/a/b")]]);
  const found = table.findAll("/a/b").map(({ routes }) => routes[0]?.route.path);
  expect(found).toEqual(["/a/b", "/a/*", "/*"]);
});

it("replaces the routes of a function as a whole", () => {
  const { table, owner } = tableWith(["f", [httpRoute("/old"), httpRoute("/w/*")]]);
  table.upsert(functionRoutes([httpRoute("/new")], { generation: 2 }));
  expect(owner("/old")).toBeUndefined();
  expect(owner("/w/x")).toBeUndefined();
  expect(owner("/new")).toEqual(["f"]);
});

it("ignores an older generation", () => {
  const { table, owner } = tableWith();
  table.upsert(functionRoutes([httpRoute("/new")], { generation: 5 }));
  table.upsert(functionRoutes([httpRoute("/old")], { generation: 4 }));
  expect(owner("/new")).toEqual(["f"]);
  expect(owner("/old")).toBeUndefined();
});

it("removes a function with its wildcards and its limits", () => {
  const { table, limiter, owner } = tableWith([
    "f",
    [httpRoute("/a"), httpRoute("/w/*", { rateLimit: { count: 1, windowMs: 1000 } })],
  ]);
  const entry = table.find("/w/x")?.routes[0];
  if (entry?.limiter) limiter.window(entry.limiter, "key");
  expect(limiter.size).toBe(1);
  table.remove("acme", "f");
  expect(owner("/a")).toBeUndefined();
  expect(owner("/w/x")).toBeUndefined();
  expect(limiter.size).toBe(0);
  expect(table.size).toBe(0);
});

it("keeps the windows of a limit across a change that does not touch it", () => {
  const route = httpRoute("/a", { rateLimit: { count: 1, windowMs: 1000 } });
  const { table } = tableWith(["f", [route]]);
  const before = table.find("/a")?.routes[0]?.limiter;
  table.upsert(functionRoutes([route], { generation: 2 }));
  expect(table.find("/a")?.routes[0]?.limiter).toBe(before);
});

it("keeps paths of two organisations apart under one path", () => {
  const { table } = tableWith(["f", [httpRoute("/a", { auth: "required" })]]);
  table.upsert(functionRoutes([httpRoute("/a", { auth: "required" })], { org: "other" }));
  expect(table.find("/a")?.routes.map(({ fn }) => fn.org)).toEqual(["acme", "other"]);
  table.remove("acme", "f");
  expect(table.find("/a")?.routes.map(({ fn }) => fn.org)).toEqual(["other"]);
});
