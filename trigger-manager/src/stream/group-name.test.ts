import { expect, test } from "vitest";
import { streamGroup } from "./group-name.ts";

const owner = { org: "acme", function: "count", hasOthers: false };

test("a group is named as written; only the default has the prefix, and the organisation where there are several", () => {
  expect(streamGroup({ consumerGroup: "mine" }, { ...owner, hasOthers: true }, "fn-")).toBe("mine");
  expect(streamGroup({}, owner, "fn-")).toBe("fn-count");
  expect(streamGroup({}, { ...owner, hasOthers: true }, "test-")).toBe("test-acme-count");
});
