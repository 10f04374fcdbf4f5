import { expect, test } from "vitest";
import { checkKafkaMessage, checkNatsMessage } from "./check-message.ts";
import type { Message } from "./publisher.ts";

const message = (change: Partial<Message>): Message => ({
  target: "mq.a",
  id: "1",
  headers: {},
  body: new Uint8Array(),
  ...change,
});
const refused = expect.objectContaining({ code: "bad_request" }) as Error;

test.each(["mq.notify.support", "a", "mq.A-b_c.1"])("takes the subject %j", (target) => {
  expect(() => checkNatsMessage(message({ target }))).not.toThrow();
});

test.each(["", "mq.*", "mq.>", ">", "mq..a", ".mq", "mq.", "mq. a", "mq.a\n", "$JS.API.X", "a".repeat(256)])(
  "refuses the subject %j",
  (target) => {
    expect(() => checkNatsMessage(message({ target }))).toThrow(refused);
  },
);

test.each(["llm_usage", "a.b-c", "A1"])("takes the topic %j", (target) => {
  expect(() => checkKafkaMessage(message({ target }))).not.toThrow();
});

test.each(["", ".", "..", "a b", "a/b", "ä", "a\0", "a".repeat(250)])("refuses the topic %j", (target) => {
  expect(() => checkKafkaMessage(message({ target }))).toThrow(refused);
});

test.each([
  { id: "" },
  { id: "a\nb" },
  { id: "x".repeat(129) },
  { headers: { "": "x" } },
  { headers: { "a b": "x" } },
  { headers: { "a:": "x" } },
  { headers: { a: "x\r\nNats-Msg-Id: 2" } },
])("refuses %j for either broker", (change) => {
  expect(() => checkNatsMessage(message(change))).toThrow(refused);
  expect(() => checkKafkaMessage(message(change))).toThrow(refused);
});

test("leaves NATS' own headers to NATS", () => {
  expect(() => checkNatsMessage(message({ headers: { "nats-rollup": "all" } }))).toThrow(refused);
});
