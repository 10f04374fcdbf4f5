import { expect, test } from "vitest";
import { createOpenSources } from "./open-sources.ts";

test("of one trigger the oldest source is taken first, and each once", () => {
  const sources = createOpenSources<string>();
  sources.add("a", "draining");
  sources.add("a", "next");
  sources.add("b", "other");
  expect([sources.take("a"), sources.take("a"), sources.take("a")]).toEqual(["draining", "next", undefined]);
  expect(sources.take("b")).toBe("other");
});
