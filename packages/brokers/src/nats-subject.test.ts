import { expect, test } from "vitest";
import { subjectMatches } from "./nats-subject.ts";

test.each([
  ["mq.>", "mq.a", true],
  ["mq.>", "mq.a.b", true],
  ["mq.>", "mq", false],
  ["mq.*", "mq.a", true],
  ["mq.*", "mq.a.b", false],
  ["*.a", "mq.a", true],
  ["mq.a", "mq.a", true],
  ["mq.a", "mq.b", false],
  ["mq.a", "mq.a.b", false],
  ["mq.a.b", "mq.a", false],
  [">", "anything.at.all", true],
])("the pattern %s and the subject %s: %s", (pattern, subject, expected) => {
  expect(subjectMatches(pattern, subject)).toBe(expected);
});
