import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { NEIGHBOUR } from "./functions.ts";
import type { TestPlatform } from "./platform.ts";

const EVERY_MS = 50;
const LIMIT_MS = 20_000;

export interface Undisturbed<T> {
  readonly result: T;
  /** Calls of the neighbour that were answered meanwhile; never 0. */
  readonly calls: number;
}

async function callNeighbour(platform: TestPlatform): Promise<void> {
  const answer = await platform.fetchInvoke(`/v1/functions/${NEIGHBOUR.name}/invoke`, {
    method: "POST",
    signal: AbortSignal.timeout(LIMIT_MS),
  });
  const text = await answer.text();
  expect([answer.status, text], "the neighbour's answer").toEqual([
    200,
    expect.stringContaining('"ok":true'),
  ]);
}

/**
 * Calls the deployed neighbour again and again while `work` runs. Fails where one of its calls fails or takes
 * longer than 20 s, or where none was made.
 */
export async function withNeighbour<T>(
  platform: TestPlatform,
  work: () => Promise<T>,
): Promise<Undisturbed<T>> {
  const over = new AbortController();
  let calls = 0;
  const calling = (async () => {
    while (!over.signal.aborted) {
      await callNeighbour(platform);
      calls++;
      await sleep(EVERY_MS, undefined, { signal: over.signal }).catch(() => {});
    }
  })();
  // Waited for below; a failure before that is no unhandled one.
  calling.catch(() => {});
  let result: T;
  try {
    result = await work();
  } finally {
    over.abort();
  }
  await calling;
  expect(calls, "calls of the neighbour").toBeGreaterThan(0);
  return { result, calls };
}
