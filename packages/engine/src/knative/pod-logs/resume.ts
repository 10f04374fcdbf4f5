/** A moment in a container's log, by the node's clock, exact to the nanosecond. */
export interface LogTime {
  /** Epoch seconds. */
  readonly seconds: number;
  readonly nanos: number;
}

/** `2026-01-01T00:00:00.123456789Z text`, as the kubelet writes it where timestamps are asked for. */
const TIMED = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d) ?/;

export interface TimedLine {
  readonly time: LogTime;
  readonly text: string;
}

/** Undefined where the line has no time: no line of a container's log, but a word of the server's. */
export function timedLine(line: string): TimedLine | undefined {
  const found = TIMED.exec(line);
  if (found === null) return undefined;
  const [prefix, moment, fraction = "", zone] = found;
  const seconds = Date.parse(`${moment}${zone}`) / 1000;
  if (Number.isNaN(seconds)) return undefined;
  return { time: { seconds, nanos: Number(fraction.padEnd(9, "0")) }, text: line.slice(prefix.length) };
}

export function logTimeMs({ seconds, nanos }: LogTime): number {
  return seconds * 1000 + Math.floor(nanos / 1e6);
}

function compare(a: LogTime, b: LogTime): number {
  return a.seconds - b.seconds || a.nanos - b.nanos;
}

/**
 * How far a log was read. A server asked to go on begins with the whole second, so that lines come again; those are told by
 * their time, and lines of one and the same time by their count.
 */
export class ReadMark {
  #last: LogTime | undefined;
  /** Lines of the last time that were handed on. */
  #count = 0;
  /** Lines of it that came again since the log was opened. */
  #again = 0;

  constructor(last?: LogTime | undefined) {
    this.#last = last;
    // A time that somebody else remembers stands for all lines of that time.
    this.#count = last === undefined ? 0 : Infinity;
  }

  /** Where to go on; undefined: at the beginning. */
  get since(): Date | undefined {
    return this.#last && new Date(this.#last.seconds * 1000);
  }

  /** The log is read anew from `since`. */
  reopen(): void {
    this.#again = 0;
  }

  /** True for a line that is new. */
  take(time: LogTime): boolean {
    const order = this.#last === undefined ? 1 : compare(time, this.#last);
    if (order < 0) return false;
    if (order > 0) {
      this.#last = time;
      this.#count = 1;
      this.#again = 1;
      return true;
    }
    this.#again += 1;
    if (this.#again <= this.#count) return false;
    this.#count = this.#again;
    return true;
  }
}
