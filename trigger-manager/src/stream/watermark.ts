interface Entry {
  readonly offset: number;
  /** Since when somebody has it; monotonic milliseconds. */
  outAtMs: number | undefined;
  done: boolean;
}

/**
 * How far one partition is done without a gap, for as long as this member has it: it is born with the assignment and
 * dies with it. Holes in the log (compaction, transaction markers) are done when what follows them was fetched.
 */
export interface Watermark {
  /** The first offset that is not done, or `position` where everything is: the one to commit. Never falls. */
  readonly next: number;
  /** The first offset that was not taken in: where the next fetch begins. Never falls. */
  readonly position: number;
  /** Records at or above `next` that were handed out, done or not: what a crash would repeat at most. */
  readonly spread: number;
  /** Records that were handed out and are not done. */
  readonly out: number;
  /**
   * Takes in what a fetch brought, in the order of its offsets. `end` is the first offset after the fetched range,
   * whatever that contained. Those below `position` must have been left out.
   */
  take(offsets: Iterable<number>, end: number): void;
  handOut(offset: number, now: number): void;
  /** It came back undone. */
  putBack(offset: number): void;
  /** True where it was not done before. */
  done(offset: number): boolean;
  /** Since when the record at `next` has been out; undefined where it is not. */
  oldestOutMs(): number | undefined;
}

/** Popped entries are dropped from the front of the list in pieces of this size. */
const COMPACT_AT = 1024;

export function createWatermark(start: number): Watermark {
  let entries: Entry[] = [];
  let head = 0;
  let position = start;
  let out = 0;
  let spread = 0;
  const open = new Map<number, Entry>();

  const advance = (): void => {
    while (entries[head]?.done === true) {
      if (entries[head]?.outAtMs !== undefined) spread -= 1;
      head += 1;
    }
    if (head < COMPACT_AT || head * 2 < entries.length) return;
    entries = entries.slice(head);
    head = 0;
  };
  return {
    get next() {
      return entries[head]?.offset ?? position;
    },
    get position() {
      return position;
    },
    get spread() {
      return spread;
    },
    get out() {
      return out;
    },
    take(offsets, end) {
      for (const offset of offsets) {
        if (offset < position) throw new RangeError(`offset ${offset} lies before ${position}`);
        const entry: Entry = { offset, outAtMs: undefined, done: false };
        entries.push(entry);
        open.set(offset, entry);
        position = offset + 1;
      }
      position = Math.max(position, end);
    },
    handOut(offset, now) {
      const entry = open.get(offset);
      if (entry === undefined || entry.outAtMs !== undefined) return;
      entry.outAtMs = now;
      out += 1;
      spread += 1;
    },
    putBack(offset) {
      const entry = open.get(offset);
      if (entry?.outAtMs === undefined) return;
      entry.outAtMs = undefined;
      out -= 1;
      spread -= 1;
    },
    done(offset) {
      const entry = open.get(offset);
      if (entry === undefined) return false;
      open.delete(offset);
      entry.done = true;
      if (entry.outAtMs !== undefined) out -= 1;
      advance();
      return true;
    },
    oldestOutMs: () => entries[head]?.outAtMs,
  };
}
