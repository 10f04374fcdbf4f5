import type { RoutedRevision } from "@hanzo-fn/contract";
import { expect, it } from "vitest";
import { functionRoutes } from "../test/harness.ts";
import { createRateLimiter } from "./rate-limit.ts";
import { createRouteTable, type FunctionEntry } from "./route-table.ts";
import { pickRevision, pinnedRevision, requireServing } from "./split.ts";

function entryWith(percents: readonly number[], failed?: RoutedRevision["failed"]): FunctionEntry {
  const table = createRouteTable({ limiter: createRateLimiter({ maxKeys: 1 }) });
  const revisions = percents.map((percent, i) => ({
    name: `f-0000${i + 1}`,
    number: i + 1,
    runtime: "python",
    timeoutMs: 1000,
    percent,
    failed,
  }));
  table.upsert(functionRoutes([], { revisions }));
  return table.function("acme", "f") as FunctionEntry;
}

it("gives each revision its share of [0, 1)", () => {
  const entry = entryWith([90, 0, 10]);
  const at = (random: number) => pickRevision(entry, random)?.revision.number;
  expect(at(0)).toBe(1);
  expect(at(0.8999)).toBe(1);
  expect(at(0.9001)).toBe(3);
  expect(at(0.999999)).toBe(3);
});

it("never gives a revision without traffic a call", () => {
  const entry = entryWith([0, 100, 0]);
  for (let i = 0; i < 100; i++) expect(pickRevision(entry, i / 100)?.revision.number).toBe(2);
});

it("picks none where none has traffic, and says not_ready", () => {
  const entry = entryWith([0, 0]);
  expect(pickRevision(entry, 0.5)).toBeUndefined();
  expect(() => requireServing(entry, undefined)).toThrow(expect.objectContaining({ code: "not_ready" }));
});

it("gives the failure of the revision where the only one failed", () => {
  const entry = entryWith([0], { code: "load_failed", message: "no module named x" });
  expect(() => requireServing(entry, undefined)).toThrow(
    expect.objectContaining({ code: "load_failed", message: "no module named x" }),
  );
});

it("finds a pinned revision by name and by number", () => {
  const entry = entryWith([100, 0]);
  expect(pinnedRevision(entry, "2").revision.number).toBe(2);
  expect(pinnedRevision(entry, "f-00001").revision.number).toBe(1);
  for (const text of ["3", "g-00001", "", "-1", "f-"]) {
    expect(() => pinnedRevision(entry, text)).toThrow(expect.objectContaining({ code: "not_found" }));
  }
});
