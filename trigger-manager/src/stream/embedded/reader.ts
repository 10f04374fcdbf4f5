import type { Clock } from "@hanzo-fn/lifecycle";
import type { Logger } from "@hanzo-fn/telemetry";
import type { Store, StoredStreamRecord, StreamPlace } from "@hanzo-fn/store";
import type { MemberEvents } from "../member.ts";
import { sizeOf, type StreamRecord } from "../record.ts";

export interface ReaderParts {
  readonly store: Pick<Store, "streamLog" | "onStreamAppend">;
  readonly clock: Clock;
  readonly log: Pick<Logger, "warn">;
  readonly topic: string;
  readonly events: MemberEvents;
}

export interface Reader {
  run(): Promise<void>;
  /** There may be something to read, or room for it. */
  wake(): void;
}

/** Notifications wake; this is the net below them. */
const POLL_MS = 2000;
const AGAIN_MS = 500;
const LIMITS = { records: 1000, bytes: 1024 * 1024 };

function recordOf({ offset, key, value, headers, atMs }: StoredStreamRecord): StreamRecord {
  return {
    offset,
    key: key ?? undefined,
    value: value ?? undefined,
    headers: headers ?? {},
    timestampMs: atMs,
  };
}

/** Reads what is wanted of one topic, in one statement for all partitions. */
export function createReader(parts: ReaderParts, signal: AbortSignal): Reader {
  const { store, clock, log, topic, events } = parts;
  const { streamLog } = store;
  let isNews = true;
  let ring = (): void => {};
  const wake = (): void => {
    isNews = true;
    ring();
  };
  /** The end of a range is the log's own, unless more of it may be left: what retention removed is no hole to wait for. */
  const hand = (
    partition: number,
    asked: number,
    records: readonly StreamRecord[],
    next: number,
  ): boolean => {
    const bytes = records.reduce((sum, record) => sum + sizeOf(record), 0);
    const isCut = records.length >= LIMITS.records || bytes >= LIMITS.bytes;
    const last = records.at(-1);
    const end = isCut && last !== undefined ? last.offset + 1 : next;
    events.fetched(partition, { asked, from: asked, records, end });
    return isCut;
  };
  /** True where there may be more at once. */
  const read = async (): Promise<boolean> => {
    const bounds = await streamLog.bounds(topic);
    events.alive("fetch");
    const places: StreamPlace[] = [];
    const ends = new Map<number, number>();
    for (const { partition, firstOffset, nextOffset } of bounds) {
      const asked = events.wanted(partition);
      if (asked === undefined) continue;
      if (asked > nextOffset) events.reset(partition, firstOffset);
      else if (asked < firstOffset)
        events.fetched(partition, { asked, from: firstOffset, records: [], end: firstOffset });
      const offset = events.wanted(partition);
      if (offset === undefined || offset >= nextOffset) continue;
      places.push({ partition, offset });
      ends.set(partition, nextOffset);
    }
    if (places.length === 0) return false;
    const found = Map.groupBy(await streamLog.read(topic, places, LIMITS), ({ partition }) => partition);
    let isMore = false;
    for (const { partition, offset } of places) {
      const records = (found.get(partition) ?? []).map(recordOf);
      isMore = hand(partition, offset, records, ends.get(partition) ?? offset) || isMore;
    }
    return isMore;
  };
  const rest = async (ms: number): Promise<void> => {
    const timer = new AbortController();
    const { promise, resolve } = Promise.withResolvers<void>();
    ring = resolve;
    const either = AbortSignal.any([timer.signal, signal]);
    await Promise.race([promise, clock.sleep(ms, either).catch(() => {})]);
    timer.abort();
  };
  return {
    wake,
    async run() {
      store.onStreamAppend(topic, wake, signal);
      while (!signal.aborted) {
        isNews = false;
        try {
          if (await read()) continue;
          if (!isNews) await rest(POLL_MS);
        } catch (error) {
          // Whoever waits for an answer decides what that means.
          if (!signal.aborted) log.warn("a topic could not be read", { error, topic });
          await rest(AGAIN_MS);
        }
      }
    },
  };
}
