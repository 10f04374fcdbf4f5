import { createFakeClock } from "@hanzo-fn/testkit";
import { expect, test } from "vitest";
import { createFetcher, type FetcherParts } from "./fetcher.ts";

/** How long the first fetch may wait at the broker, where these partitions are wanted. */
async function waitOf(wanted: readonly number[]): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  const found = { id: "id", partitionsCount: 2, partitions: [{ leader: 1 }, { leader: 1 }] };
  const reader = {
    metadata: () => Promise.resolve({ topics: new Map([["t", found]]) }),
    fetch({ maxWaitTime }: { readonly maxWaitTime: number }) {
      resolve(maxWaitTime);
      return new Promise(() => {});
    },
  };
  const events = { wanted: (partition: number) => (wanted.includes(partition) ? 0 : undefined) };
  const parts = { reader, topic: "t", events, clock: createFakeClock(), onCount: () => {} };
  const fetcher = createFetcher(parts as unknown as FetcherParts);
  fetcher.begin([0, 1]);
  fetcher.pump();
  const waitMs = await promise;
  fetcher.close();
  return waitMs;
}

test("a fetch waits for new records, but not while a partition that is full may be wanted again", async () => {
  expect(await waitOf([0, 1])).toBe(1000);
  expect(await waitOf([0])).toBeLessThanOrEqual(20);
});
