import { expect, it } from "vitest";
import { bytesArrived, nextChunk } from "./ranges.ts";

it("a range says how many bytes arrived; 0-0 is none, as docker-registry has it", () => {
  expect(bytesArrived("0-1048575")).toBe(1_048_576);
  expect(bytesArrived("bytes=0-9")).toBe(10);
  expect(bytesArrived("0-0")).toBe(0);
  for (const range of [undefined, "", "5-9", "0-", "0-x", "0-9999999999999999999"])
    expect(bytesArrived(range)).toBeUndefined();
});

it("chunks follow each other to the end of the blob", () => {
  expect(nextChunk(0, 25, 10)).toEqual({ start: 0, end: 10, contentRange: "0-9" });
  expect(nextChunk(20, 25, 10)).toEqual({ start: 20, end: 25, contentRange: "20-24" });
});
