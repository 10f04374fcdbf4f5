import { abortable } from "@hanzo-fn/lifecycle";

/** The same chunks, given up as soon as the signal aborts, even while the source gives none. */
export async function* untilAborted<T>(
  source: AsyncIterable<T> | Iterable<T>,
  signal: AbortSignal | undefined,
): AsyncGenerator<T, void, undefined> {
  if (!signal) return yield* source;
  const iterator =
    Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  let done = false;
  try {
    for (;;) {
      const next = await abortable(Promise.resolve(iterator.next()), signal);
      if (next.done === true) {
        done = true;
        return;
      }
      yield next.value;
    }
  } finally {
    // Not awaited: a generator that hangs in its own `await` would hang this one, too.
    if (!done) Promise.resolve(iterator.return?.()).catch(() => {});
  }
}
