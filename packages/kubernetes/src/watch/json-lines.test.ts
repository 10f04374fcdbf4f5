import { expect, it } from "vitest";
import { jsonLines } from "./json-lines.ts";

async function read(chunks: readonly string[], maxLine = 1000): Promise<unknown[]> {
  const lines: unknown[] = [];
  async function* source() {
    for (const chunk of chunks) yield Buffer.from(chunk, "latin1");
  }
  for await (const line of jsonLines(source(), maxLine)) lines.push(line);
  return lines;
}

it("finds lines wherever the chunks begin and end, also in the middle of a letter", async () => {
  const bytes = Buffer.from('{"a":"é"}\n\n{"b":2}\n').toString("latin1");
  expect(await read([...bytes])).toEqual([{ a: "é" }, { b: 2 }]);
  expect(await read([bytes])).toEqual([{ a: "é" }, { b: 2 }]);
});

it("a line that is no JSON is a SyntaxError; one that is cut off is another error", async () => {
  await expect(read(["{}\n{oops}\n"])).rejects.toThrow(SyntaxError);
  const cut = await read(['{}\n{"a']).catch((error: unknown) => error);
  expect(cut).toBeInstanceOf(Error);
  expect(cut).not.toBeInstanceOf(SyntaxError);
  expect(String(cut)).toMatch(/in the middle of a line, after 3 bytes/);
});

it("a line without an end is not collected for ever", async () => {
  await expect(read(["x".repeat(60), "x".repeat(60)], 100)).rejects.toThrow("a line of more than 100 bytes");
});
