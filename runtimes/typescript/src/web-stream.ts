import type { Readable } from "node:stream";

export interface WebStreamOptions {
  /** The error that a reader sees for the one that ended the source. */
  readonly explain: (error: Error) => Error;
  /** The reader wants no more. */
  readonly cancelled: () => void;
}

/**
 * A Node stream of bytes as a Web stream that takes a piece only when one is asked for: what a reader leaves stays in
 * the source, which holds at most its high-water mark. (`Readable.toWeb` reads ahead of its reader.)
 */
export function toWebStream(
  source: Readable,
  { explain, cancelled }: WebStreamOptions,
): ReadableStream<Uint8Array> {
  let failure: Error | undefined;
  let wake: () => void = () => undefined;
  const woken = (): void => wake();
  source.on("error", (error) => {
    failure ??= explain(error);
    wake();
  });
  source.on("close", woken).on("end", woken).on("readable", woken);
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        for (;;) {
          if (failure !== undefined) return controller.error(failure);
          const chunk = source.read() as Buffer | null;
          if (chunk !== null) return controller.enqueue(chunk);
          if (source.readableEnded) return controller.close();
          // Closed says so before its error has been told.
          if (source.closed)
            return controller.error(explain(source.errored ?? new Error("the stream was closed")));
          await new Promise<void>((resolve) => (wake = resolve));
        }
      },
      cancel: cancelled,
    },
    { highWaterMark: 0 },
  );
}
