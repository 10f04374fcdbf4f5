import { expect, it } from "vitest";
import type { KubeObject } from "../objects.ts";
import { createCache } from "./cache.ts";

const object = (name: string, resourceVersion: string, app: string, uid = "u"): KubeObject => ({
  apiVersion: "v1",
  kind: "Thing",
  metadata: { name, namespace: "acme", uid, resourceVersion, labels: { app } },
});
const byApp = { app: ({ metadata }: KubeObject) => [metadata.labels!["app"]!] };
const names = (objects: Iterable<KubeObject>): string[] => [...objects].map(({ metadata }) => metadata.name);

it("finds objects by key and by index, and the index follows what changes", () => {
  const cache = createCache(byApp);
  cache.put(object("a", "1", "web"));
  cache.put(object("b", "2", "web"));
  expect(names(cache.by("app", "web"))).toEqual(["a", "b"]);
  cache.put(object("a", "3", "db"));
  expect([names(cache.by("app", "web")), names(cache.by("app", "db"))]).toEqual([["b"], ["a"]]);
  cache.remove("acme/b");
  expect([names(cache.by("app", "web")), cache.size]).toEqual([[], 1]);
  expect(() => cache.by("colour", "red")).toThrow("no index is called colour");
});

it("says what is news: another version, or another object of the same name", () => {
  const cache = createCache({});
  expect(cache.put(object("a", "1", "web"))).toBe(true);
  expect(cache.put(object("a", "1", "web"))).toBe(false);
  expect(cache.put(object("a", "1", "web", "another"))).toBe(true);
  expect([cache.remove("acme/a"), cache.remove("acme/a")]).toEqual([true, false]);
});

it("taking a whole list tells what is new, changed and gone, and of nothing else", () => {
  const cache = createCache(byApp);
  for (const name of ["same", "changed", "gone"]) cache.put(object(name, "1", "web"));
  const next = [object("same", "1", "web"), object("changed", "2", "db"), object("new", "3", "web")];
  expect(cache.replaceAll(next)).toEqual(["acme/changed", "acme/new", "acme/gone"]);
  expect(names(cache.by("app", "web"))).toEqual(["same", "new"]);
});
