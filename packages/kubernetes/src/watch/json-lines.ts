/**
 * The lines of a stream of bytes, parsed. Rejects with what the stream rejects with, with a `SyntaxError` at a line
 * that is no JSON, and with another error where the stream ends in the middle of one: that was the connection.
 */
export async function* jsonLines(
  chunks: AsyncIterable<Buffer>,
  maxLine: number,
): AsyncGenerator<unknown, void, undefined> {
  let begun: Buffer[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      begun.push(chunk.subarray(from, end));
      from = end + 1;
      const line = Buffer.concat(begun).toString("utf8");
      begun = [];
      size = 0;
      if (line.trim() !== "") yield JSON.parse(line) as unknown;
    }
    if (from === chunk.length) continue;
    begun.push(chunk.subarray(from));
    size += chunk.length - from;
    if (size > maxLine) throw new SyntaxError(`a line of more than ${maxLine} bytes`);
  }
  if (size > 0) throw new Error(`the stream ended in the middle of a line, after ${size} bytes of it`);
}
