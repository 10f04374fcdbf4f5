import { once } from "node:events";
import { extract, type Extract } from "tar-stream";

export type TarEntry = Extract extends AsyncIterable<infer Item> ? Item : never;

/** Whatever comes first: room, or the parser's end. */
async function roomOrEnd(parser: Extract): Promise<void> {
  const settled = new AbortController();
  const { signal } = settled;
  await Promise.race([once(parser, "drain", { signal }), once(parser, "close", { signal })]).catch(() => {});
  settled.abort();
}

async function feed(source: AsyncIterable<Uint8Array>, parser: Extract): Promise<void> {
  for await (const chunk of source) {
    if (parser.destroyed) return;
    if (!parser.write(chunk)) await roomOrEnd(parser);
  }
  parser.end(null);
}

/**
 * The entries of an uncompressed tar stream. Each must be read or resumed before the next one comes. An error
 * of the source or of the format ends the iteration; leaving the loop ends the source.
 */
export async function* tarEntries(source: AsyncIterable<Uint8Array>): AsyncGenerator<TarEntry> {
  const parser = extract();
  const fed = feed(source, parser).catch((error: Error) => parser.destroy(error));
  try {
    yield* parser;
  } finally {
    parser.destroy();
    await fed;
  }
}
