import { expect, test } from "vitest";
import { headersOf } from "./headers.ts";

test("headers of a message go to the function in lower case, repeated ones joined", () => {
  const given = [
    ["Nats-Msg-Id", "1"],
    ["traceparent", "00-a-b-01"],
    ["X-Note", "a\r\nb"],
    ["x-note", "c"],
  ] as const;
  expect(headersOf(given, { "x-mq-id": "task_1" })).toEqual({
    "nats-msg-id": "1",
    traceparent: "00-a-b-01",
    "x-note": "a b, c",
    "x-mq-id": "task_1",
  });
});

test("a message cannot say who it is, how its call is framed or what the platform knows", () => {
  const names = [
    "X-Function-Attempt",
    "X-Org-Id",
    "X-User-Id",
    "Authorization",
    "Content-Length",
    "Host",
    "Cookie",
  ];
  const given = [...names, "Transfer-Encoding", "x-mq-org-id", "a b"].map((name) => [name, "x"] as const);
  expect(headersOf(given, {})).toEqual({});
});
