import { PlatformError } from "@hanzo-fn/contract";
import type { Clock } from "@hanzo-fn/lifecycle";
import { LOGS_CHANNEL } from "./channels.ts";
import type { Listener } from "./listener.ts";
import type { LogFilter, LogLineQueries, LogQuery, StoredLogLine } from "./queries/log-lines.ts";
import type { FollowOptions } from "./store.ts";

const PAGE = 500;
const RETRY_MS = 500;

/**
 * Reads "after the last id" whenever the function is told to have new lines: a notification carries no line, so
 * a lost or doubled one costs nothing, and a reconnect counts as one. It outlives a database that is away.
 */
export async function* followLogs(
  parts: { readonly logLines: LogLineQueries; readonly listener: Listener; readonly clock: Clock },
  filter: LogFilter,
  options: FollowOptions,
  signal: AbortSignal,
): AsyncGenerator<StoredLogLine> {
  const { logLines, listener, clock } = parts;
  const ended = new AbortController();
  const stop = AbortSignal.any([signal, ended.signal]);
  const news = createFlag(stop);
  const read = (query: LogQuery): Promise<StoredLogLine[] | undefined> =>
    logLines.query(query).catch((error: unknown) => {
      if (error instanceof PlatformError && error.code === "database_unavailable") return undefined;
      throw error;
    });
  const payload = `${filter.org}/${filter.function}`;
  try {
    let afterId = options.afterId ?? (await logLines.newestId(filter.org, filter.function));
    listener.subscribe(
      LOGS_CHANNEL,
      { onNotify: (text) => text === payload && news.raise(), onConnected: news.raise },
      stop,
    );
    while (!signal.aborted) {
      const lines = await read({ ...filter, afterId, limit: PAGE });
      if (!lines) {
        await clock.sleep(RETRY_MS, stop).catch(() => undefined);
        continue;
      }
      for (const line of lines) {
        afterId = line.id;
        yield line;
      }
      if (lines.length < PAGE) await news.wait();
    }
  } finally {
    ended.abort();
  }
}

/** A flag that is raised any number of times and lowered by the one who waits for it. */
function createFlag(signal: AbortSignal) {
  let raised = false;
  let wake: (() => void) | undefined;
  const raise = (): void => {
    raised = true;
    wake?.();
  };
  signal.addEventListener("abort", raise, { once: true });
  return {
    raise,
    async wait(): Promise<void> {
      if (!raised) await new Promise<void>((resolve) => (wake = resolve));
      raised = false;
    },
  };
}
