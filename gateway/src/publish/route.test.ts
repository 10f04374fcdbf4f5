import { expect, it } from "vitest";
import { parsePublication } from "./route.ts";

it.each([
  null,
  {},
  { subject: "mq.a.b" },
  { subject: 5, data: 1 },
  { data: 1 },
  { subject: "mq.a.b", data: 1, id: "" },
  { subject: "mq.a.b", data: 1, key: "x" },
])("%j is no publication", (body) => {
  expect(() => parsePublication(body)).toThrow(expect.objectContaining({ code: "bad_request" }));
});
