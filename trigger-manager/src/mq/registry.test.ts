import { expect, test } from "vitest";
import { registeredAttempts } from "./registry.ts";

test.each([
  ["mq.batch.embeddings", 5],
  ["mq.batch.finetune", 2],
  ["mq.batch.images", 3],
  ["mq.inference.chat", 3],
  ["mq.scheduled.nightly", 3],
  ["mq.notify.support.urgent", 5],
  ["mq.notify.*", 5],
  ["mq.dlq.mq.batch.images", 1],
  ["mq.orders.created", 3],
  ["mq.batch.*", 3],
  ["mq.>", 3],
])("an event of %s has %i attempts", (subject, attempts) => {
  expect(registeredAttempts(subject)).toBe(attempts);
});
