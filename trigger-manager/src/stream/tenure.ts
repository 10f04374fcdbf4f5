import type { SourceEvent } from "../delivery/index.ts";
import { sizeOf, type StreamRecord } from "./record.ts";
import { createWatermark } from "./watermark.ts";

/** What a fetch brought of one partition. */
export interface Fetched {
  /** The offset that was asked for. What was asked beyond our position was asked by somebody else. */
  readonly asked: number;
  /** Where the log began to answer: later than asked where the records before are gone. */
  readonly from: number;
  /** Ascending; there may be holes between them. */
  readonly records: readonly StreamRecord[];
  /** The first offset after the fetched range, whatever it contained. */
  readonly end: number;
}

export interface TenureLimits {
  /** Nothing is fetched while so many records wait here. */
  readonly highWater: number;
  /** Nor while they have so many bytes. */
  readonly highWaterBytes: number;
  /** Beyond so many records above the watermark nothing more is handed out. */
  readonly maxSpread: number;
  /** Nor while the record at the watermark has been out for so long. */
  readonly maxStuckMs: number;
}

/** One partition for as long as this member has it: what waits, what is out, and how far it is done. */
export interface Tenure {
  readonly partition: number;
  /** It is ours, and what happened before is known: events may be handed out. */
  ready: boolean;
  /** It is somebody else's now: nothing that happens to its events counts any more. */
  over: boolean;
  /** What the group has of it. */
  committed: number;
  /** The first offset that is not done. */
  readonly next: number;
  readonly out: number;
  /** Records that are done and not committed: since the last commit, and above one that is still out. */
  readonly uncommitted: number;
  /** Where to fetch from; undefined while enough is here. */
  wanted(): number | undefined;
  /** How many records the broker no longer had. Leaves out what was taken in before. */
  add(fetched: Fetched): number;
  /** The oldest waiting record; undefined where none may be handed out. */
  peek(now: number): StreamRecord | undefined;
  /** The one that was peeked goes out as this event. */
  handOut(event: SourceEvent, now: number): void;
  /** The one that was peeked needs no call. */
  skip(): void;
  done(event: SourceEvent): void;
  putBack(event: SourceEvent): void;
  has(event: SourceEvent): boolean;
  events(): readonly SourceEvent[];
}

export function createTenure(partition: number, start: number, limits: TenureLimits): Tenure {
  const watermark = createWatermark(start);
  const out = new Map<SourceEvent, StreamRecord>();
  let waiting: StreamRecord[] = [];
  let head = 0;
  let bytes = 0;

  const shift = (): StreamRecord => {
    const record = waiting[head] as StreamRecord;
    head += 1;
    bytes -= sizeOf(record);
    if (head === waiting.length) {
      waiting = [];
      head = 0;
    }
    return record;
  };
  const finish = (event: SourceEvent): StreamRecord | undefined => {
    const record = out.get(event);
    out.delete(event);
    return record;
  };
  const tenure: Tenure = {
    partition,
    ready: false,
    over: false,
    committed: start,
    get next() {
      return watermark.next;
    },
    get out() {
      return out.size;
    },
    get uncommitted() {
      return watermark.next - tenure.committed + watermark.spread - watermark.out;
    },
    wanted() {
      const isFull = waiting.length - head >= limits.highWater || bytes >= limits.highWaterBytes;
      return isFull ? undefined : watermark.position;
    },
    add({ asked, from, records, end }) {
      if (asked > watermark.position) return 0;
      const lost = Math.max(0, from - watermark.position);
      const fresh = records.filter(({ offset }) => offset >= watermark.position);
      watermark.take(
        fresh.map(({ offset }) => offset),
        Math.max(from, end),
      );
      for (const record of fresh) {
        waiting.push(record);
        bytes += sizeOf(record);
      }
      return lost;
    },
    peek(now) {
      const record = waiting[head];
      if (record === undefined || !tenure.ready || tenure.over) return undefined;
      const stuckSince = watermark.oldestOutMs();
      const isStuck = stuckSince !== undefined && now - stuckSince >= limits.maxStuckMs;
      return isStuck || watermark.spread >= limits.maxSpread ? undefined : record;
    },
    handOut(event, now) {
      const record = shift();
      out.set(event, record);
      watermark.handOut(record.offset, now);
    },
    skip() {
      watermark.done(shift().offset);
    },
    done(event) {
      const record = finish(event);
      if (record !== undefined) watermark.done(record.offset);
    },
    putBack(event) {
      const record = finish(event);
      if (record === undefined) return;
      watermark.putBack(record.offset);
      const rest = waiting.slice(head);
      const at = rest.findIndex(({ offset }) => offset > record.offset);
      rest.splice(at === -1 ? rest.length : at, 0, record);
      waiting = rest;
      head = 0;
      bytes += sizeOf(record);
    },
    has: (event) => out.has(event),
    events: () => [...out.keys()],
  };
  return tenure;
}
