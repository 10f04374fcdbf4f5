/** Something that may run out of time. The links belong to `Deadlines`. */
export interface Deadline {
  deadlineAtMs: number;
  deadlineList: DeadlineList | undefined;
  deadlineBefore: Deadline | undefined;
  deadlineAfter: Deadline | undefined;
  onDeadline(): void;
}

/** Deadlines of one duration: they end in the order in which they began, so a list is sorted by itself. */
export class DeadlineList {
  readonly #durationMs: number;
  readonly #now: () => number;
  #first: Deadline | undefined;
  #last: Deadline | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(durationMs: number, now: () => number) {
    this.#durationMs = durationMs;
    this.#now = now;
  }

  add(entry: Deadline, nowMs: number): void {
    entry.deadlineAtMs = nowMs + this.#durationMs;
    entry.deadlineList = this;
    entry.deadlineBefore = this.#last;
    if (this.#last) this.#last.deadlineAfter = entry;
    else this.#first = entry;
    this.#last = entry;
    // The timer stays when its entry goes: re-arming once per period is cheaper than once per call.
    this.#timer ??= setTimeout(() => this.#fire(), this.#durationMs);
  }

  remove(entry: Deadline): void {
    if (entry.deadlineBefore) entry.deadlineBefore.deadlineAfter = entry.deadlineAfter;
    else this.#first = entry.deadlineAfter;
    if (entry.deadlineAfter) entry.deadlineAfter.deadlineBefore = entry.deadlineBefore;
    else this.#last = entry.deadlineBefore;
    entry.deadlineList = undefined;
    entry.deadlineBefore = undefined;
    entry.deadlineAfter = undefined;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #fire(): void {
    this.#timer = undefined;
    const now = this.#now();
    for (let entry = this.#first; entry; entry = this.#first) {
      const leftMs = entry.deadlineAtMs - now;
      if (leftMs > 0) {
        this.#timer ??= setTimeout(() => this.#fire(), Math.ceil(leftMs));
        return;
      }
      this.remove(entry);
      entry.onDeadline();
    }
  }
}

export interface Deadlines {
  start(entry: Deadline, durationMs: number, nowMs: number): void;
  /** Idempotent. */
  stop(entry: Deadline): void;
  close(): void;
}

/** Deadlines without a timer and a closure per call: one timer per duration in use. `now` is monotonic. */
export function createDeadlines(now: () => number): Deadlines {
  const lists = new Map<number, DeadlineList>();
  return {
    start(entry, durationMs, nowMs) {
      let list = lists.get(durationMs);
      if (!list) {
        list = new DeadlineList(durationMs, now);
        lists.set(durationMs, list);
      }
      list.add(entry, nowMs);
    },
    stop: (entry) => entry.deadlineList?.remove(entry),
    close() {
      for (const list of lists.values()) list.close();
      lists.clear();
    },
  };
}
