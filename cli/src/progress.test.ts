import { expect, it } from "vitest";
import { createOutput } from "./output.ts";
import { createProgress } from "./progress.ts";

function record(isTTY: boolean): string {
  let text = "";
  let now = 0;
  const stderr = { isTTY, write: (piece: string) => (text += piece) };
  const output = createOutput({ write: () => true }, stderr, { format: "table", quiet: false });
  const progress = createProgress(output, () => now);
  progress.now("Building");
  now = 50;
  progress.now("Starting");
  now = 120;
  progress.done("Ready");
  progress.now("More");
  progress.clear();
  return text;
}

it("a phase is one plain line with its time where there is no terminal", () => {
  expect(record(false)).toBe("  Ready [120 ms]\n");
});

it("a phase lives on a terminal with the time since it began, and goes when it is over", () => {
  const away = "\r\u001B[2K";
  expect(record(true)).toBe(
    `  Building … 0.0 ms${away}  Starting … 50 ms${away}  Ready [120 ms]\n  More … 0.0 ms${away}`,
  );
});
