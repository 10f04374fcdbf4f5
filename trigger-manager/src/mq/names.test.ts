import { expect, test } from "vitest";
import { consumerNames } from "./names.ts";

const facts = { org: "acme", function: "embed", subject: "mq.batch.*", severalOrgs: false };

test("a consumer is named by its group as written", () => {
  expect(consumerNames({ ...facts, consumerGroup: "embedding-workers", severalOrgs: true })).toEqual([
    "embedding-workers",
  ]);
});

test("without a group by its function, and by its subject where that name is taken", () => {
  expect(consumerNames(facts)).toEqual(["fn-embed", "fn-embed-mq_batch_any"]);
});

test("with several organisations by its organisation too", () => {
  expect(consumerNames({ ...facts, org: "a.b c", severalOrgs: true })[0]).toBe("fn-a-b-c-embed");
});

test("no name is longer than a broker takes", () => {
  const subject = `mq.${"x".repeat(250)}`;
  for (const name of consumerNames({ ...facts, subject })) expect(name.length).toBeLessThanOrEqual(128);
});
