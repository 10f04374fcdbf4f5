import type { FunctionLogEntry } from "@hanzo-fn/contract";
import { clipLine, type ClippedLine } from "./clip.ts";

export interface LogBufferLimits {
  readonly maxBytes: number;
  /** One function's share of it, so that a noisy one does not cost its neighbours their lines. */
  readonly maxBytesPerFunction: number;
}

/** Lines on their way to the store: first in, first out, bounded. What does not fit is counted, not kept. */
export interface LogBuffer {
  /** False where the line was dropped. */
  add(entry: FunctionLogEntry): boolean;
  /** The oldest `limit` lines, with one line for what each function lost so far. They stay until `drop`. */
  peek(limit: number): readonly FunctionLogEntry[];
  /** Removes the `count` oldest lines. */
  drop(count: number): void;
  readonly length: number;
}

interface Loss {
  readonly last: FunctionLogEntry;
  readonly lines: number;
}

export function createLogBuffer(limits: LogBufferLimits): LogBuffer {
  let queue: ClippedLine[] = [];
  let total = 0;
  const perFunction = new Map<string, number>();
  const losses = new Map<string, Loss>();

  const account = (line: ClippedLine, sign: 1 | -1): void => {
    total += sign * line.bytes;
    const key = keyOf(line.entry);
    const sum = (perFunction.get(key) ?? 0) + sign * line.bytes;
    if (sum > 0) perFunction.set(key, sum);
    else perFunction.delete(key);
  };

  const push = (line: ClippedLine): void => {
    queue.push(line);
    account(line, 1);
  };

  const fits = (line: ClippedLine): boolean =>
    total + line.bytes <= limits.maxBytes &&
    (perFunction.get(keyOf(line.entry)) ?? 0) + line.bytes <= limits.maxBytesPerFunction;

  return {
    add(entry) {
      const line = clipLine(entry);
      const key = keyOf(entry);
      const loss = losses.get(key);
      // After a loss nothing more is taken before the loss itself has its place in the order.
      if (!loss && fits(line)) {
        push(line);
        return true;
      }
      losses.set(key, { last: line.entry, lines: (loss?.lines ?? 0) + 1 });
      return false;
    },
    peek(limit) {
      if (queue.length < limit) {
        for (const loss of losses.values()) push(clipLine(dropped(loss)));
        losses.clear();
      }
      return queue.slice(0, limit).map((line) => line.entry);
    },
    drop(count) {
      for (const line of queue.slice(0, count)) account(line, -1);
      queue = queue.slice(count);
    },
    get length() {
      return queue.length + losses.size;
    },
  };
}

function keyOf(entry: FunctionLogEntry): string {
  return `${entry.org}/${entry.function}`;
}

function dropped({ last, lines }: Loss): FunctionLogEntry {
  return {
    tsMs: last.tsMs,
    level: "warn",
    msg: `${lines} ${lines === 1 ? "line" : "lines"} dropped: logs came faster than they could be stored`,
    org: last.org,
    function: last.function,
    revision: last.revision,
    instance: last.instance,
    stream: "platform",
  };
}
