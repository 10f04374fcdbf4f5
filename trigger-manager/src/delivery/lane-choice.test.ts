import { expect, it } from "vitest";
import { chooseLane } from "./lane-choice.ts";

it("without order nothing waits for anything", () => {
  expect(chooseLane("none", { partition: "3", key: "k" })).toEqual({ lane: undefined, group: "" });
});

it("in partition order a partition is a lane, and its batches are its own", () => {
  expect(chooseLane("partition", { partition: "3", key: "k" })).toEqual({ lane: "3", group: "3" });
});

it("in key order a key of a partition is a lane, batches mix them, and an event without a key has no order", () => {
  const lanes = [
    { partition: "1", key: "k" },
    { partition: "2", key: "k" },
    { partition: "1", key: "" },
  ].map((event) => chooseLane("key", event));
  expect(new Set(lanes.map(({ lane }) => lane)).size).toBe(3);
  expect(new Set(lanes.map(({ group }) => group))).toEqual(new Set([""]));
  expect(chooseLane("key", { partition: "1", key: undefined })).toEqual({ lane: undefined, group: "" });
});
