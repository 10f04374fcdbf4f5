import type { VectorChange, VectorNamespaceRow } from "@hanzo-fn/store";
import { seededBelow } from "@hanzo-fn/testkit";
import { describe, expect, it } from "vitest";
import { CachedVectors, VectorCache } from "./cache.ts";
import { toBytes } from "./floats.ts";

const bytesOf = (...numbers: readonly number[]): Buffer => toBytes([new Float32Array(numbers)]);

function contents(cached: CachedVectors): Record<string, number[]> {
  return Object.fromEntries(
    Array.from(cached.places, ([id, { from, until }]) => [
      id,
      Array.from(cached.floats.subarray(from, until)),
    ]),
  );
}

describe("CachedVectors", () => {
  it("has what rows have after any changes, wherever their vectors lie", () => {
    const below = seededBelow(11);
    const cached = new CachedVectors();
    const wanted = new Map<string, number[]>();
    for (let version = 1; version <= 4000; version++) {
      const id = `row-${below(50)}`;
      // Long enough that room runs out and holes are closed.
      const numbers = Array.from({ length: 64 * (1 + below(3)) }, () => below(1000));
      const kind = below(4);
      cached.apply({ id, version, vector: kind === 0 ? undefined : kind === 1 ? null : bytesOf(...numbers) });
      if (kind < 2) wanted.delete(id);
      else wanted.set(id, numbers);
    }
    expect(contents(cached)).toEqual(Object.fromEntries(wanted));
    expect(cached.version).toBe(4000);
    expect(cached.bytes).toBeLessThan(2_000_000);
  });
});

describe("VectorCache", () => {
  const namespace = (id: number, version: number, bytes = 8): VectorNamespaceRow =>
    ({ id, version, bytes }) as VectorNamespaceRow;

  function setup(maxBytes: number) {
    const changes = new Map<number, VectorChange[]>();
    const reads: (readonly [id: number, after: number])[] = [];
    const vectors = {
      changes: async (id: number, after: number) => {
        reads.push([id, after]);
        return (changes.get(id) ?? []).filter(({ version }) => version > after);
      },
    };
    const cache = new VectorCache(
      { vectors } as unknown as ConstructorParameters<typeof VectorCache>[0],
      maxBytes,
    );
    return { cache, changes, reads };
  }

  it("reads what changed since it read last, and nothing where nothing did", async () => {
    const { cache, changes, reads } = setup(1_000_000);
    changes.set(1, [{ id: "a", version: 1, vector: bytesOf(1) }]);
    expect(contents((await cache.of(namespace(1, 1))) as CachedVectors)).toEqual({ a: [1] });
    await cache.of(namespace(1, 1));
    changes.get(1)?.push({ id: "b", version: 2, vector: bytesOf(2) });
    expect(contents((await cache.of(namespace(1, 2))) as CachedVectors)).toEqual({ a: [1], b: [2] });
    // A write that changed no row has a version as well.
    await cache.of(namespace(1, 3));
    await cache.of(namespace(1, 3));
    expect(reads).toEqual([
      [1, 0],
      [1, 1],
      [1, 2],
    ]);
  });

  it("reads once for all who ask at once", async () => {
    const { cache, changes, reads } = setup(1_000_000);
    changes.set(1, [{ id: "a", version: 1, vector: bytesOf(1) }]);
    await Promise.all([cache.of(namespace(1, 1)), cache.of(namespace(1, 1)), cache.of(namespace(1, 1))]);
    expect(reads).toEqual([[1, 0]]);
  });

  it("keeps those that were asked last, and none that is too large", async () => {
    const { cache, changes, reads } = setup(10_000);
    for (const id of [1, 2, 3]) changes.set(id, [{ id: "a", version: 1, vector: bytesOf(id) }]);
    for (const id of [1, 2, 3, 2, 1]) await cache.of(namespace(id, 1));
    // Each takes about 4 kB with its spare room, so that two fit.
    expect(reads.map(([id]) => id)).toEqual([1, 2, 3, 1]);
    expect(await cache.of(namespace(2, 1, 10_001))).toBeUndefined();
  });
});
