import { PlatformError, type FunctionLogEntry, type LogSink } from "@hanzo-fn/contract";
import type { Clock, Service } from "@hanzo-fn/lifecycle";
import type { StoreLog } from "../log.ts";
import { createLogBuffer } from "./log-buffer.ts";
import { createFlushLoop } from "./loop.ts";

export interface LogSinkParts {
  readonly store: { appendLogs(entries: readonly FunctionLogEntry[]): Promise<void> };
  readonly clock: Clock;
  readonly log: StoreLog;
}

export interface LogSinkOptions {
  /** Memory for lines that are not stored yet; 16 MiB where not given. */
  readonly maxBufferedBytes?: number | undefined;
  /** One function's share of it; a quarter where not given. */
  readonly maxBufferedBytesPerFunction?: number | undefined;
  /** How long a line waits at most while the database answers; 200 ms where not given. */
  readonly intervalMs?: number | undefined;
}

const BATCH_LINES = 1000;

/**
 * Stores lines in batches in the background. While the database is away lines wait in bounded memory; what does
 * not fit is dropped, and one line of the platform says how many were. A connection that breaks while the database
 * commits leaves open whether it did; such a batch is stored again, so its lines may then be there twice.
 */
export function createLogSink(parts: LogSinkParts, options: LogSinkOptions = {}): LogSink & Service {
  const { clock, log } = parts;
  const maxBytes = options.maxBufferedBytes ?? 16 * 1024 * 1024;
  const buffer = createLogBuffer({
    maxBytes,
    maxBytesPerFunction: options.maxBufferedBytesPerFunction ?? maxBytes / 4,
  });
  const flush = async (): Promise<void> => {
    // What comes while it writes waits for the next flush, so that a flush ends.
    for (let left = buffer.length; left > 0;) {
      const batch = buffer.peek(BATCH_LINES);
      await storeAll(batch, parts, (count) => buffer.drop(count));
      left -= batch.length;
    }
  };
  const loop = createFlushLoop({
    name: "log-sink",
    flush,
    isEmpty: () => buffer.length === 0,
    intervalMs: options.intervalMs ?? 200,
    clock,
    log,
  });
  return {
    name: loop.name,
    start: loop.start,
    stop: loop.stop,
    append(entry) {
      buffer.add(entry);
      loop.wake(buffer.length >= BATCH_LINES);
    },
  };
}

/**
 * Stores in order, and tells of every piece that is done with. A line that PostgreSQL refuses costs itself, not
 * its batch.
 */
async function storeAll(
  batch: readonly FunctionLogEntry[],
  parts: LogSinkParts,
  done: (count: number) => void,
): Promise<void> {
  try {
    await parts.store.appendLogs(batch);
    done(batch.length);
  } catch (error) {
    if (error instanceof PlatformError) throw error;
    const [only] = batch;
    if (batch.length === 1 && only) {
      const { org, function: fn } = only;
      parts.log.error("a log line cannot be stored", { org, function: fn, error: String(error) });
      return done(1);
    }
    const middle = Math.ceil(batch.length / 2);
    await storeAll(batch.slice(0, middle), parts, done);
    await storeAll(batch.slice(middle), parts, done);
  }
}
