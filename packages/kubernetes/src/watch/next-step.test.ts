import { expect, it } from "vitest";
import { statusError } from "../http/errors.ts";
import { nextStep } from "./next-step.ts";

const answered = (code: number) => statusError({ verb: "watch", what: "things" }, { code, message: "no" });
const failed = (error: unknown, more: { heard?: boolean; inStream?: boolean } = {}) =>
  ({ how: "failed", error, heard: false, inStream: false, ...more }) as const;

it("a watch that ended in its time goes on at once", () => {
  expect(nextStep({ how: "done", early: false }, 7)).toEqual({
    relist: false,
    failures: 0,
    worthALine: false,
  });
});

it("one that ends at once and empty waits longer every time, and in the end reads everything", () => {
  const end = { how: "done", early: true } as const;
  expect([0, 1, 2, 3].map((before) => nextStep(end, before))).toMatchObject([
    { relist: false, failures: 1 },
    { relist: false, failures: 2 },
    { relist: false, failures: 3 },
    { relist: true, failures: 4 },
  ]);
});

it.each([
  ["a lost connection", new Error("read ECONNRESET")],
  ["a busy server", answered(429)],
  ["a server that is starting", answered(503)],
])("%s goes on where it was, and reads everything after the third time", (_, error) => {
  expect([0, 1, 2, 3].map((before) => nextStep(failed(error), before).relist)).toEqual([
    false,
    false,
    false,
    true,
  ]);
  expect(nextStep(failed(error, { heard: true }), 9)).toEqual({
    relist: false,
    failures: 1,
    worthALine: true,
  });
});

it.each([
  ["a refusal", failed(answered(403))],
  ["an error inside the stream", failed(answered(500), { inStream: true, heard: true })],
  ["a line that is no JSON", failed(new SyntaxError("oops"), { heard: true })],
])("%s reads everything again, and waits before it", (_, end) => {
  expect(nextStep(end, 0)).toEqual({ relist: true, failures: 1, worthALine: true });
});

it("a version that is gone reads everything at once, unless nothing else was ever heard", () => {
  expect(nextStep(failed(answered(410), { heard: true }), 2)).toEqual({
    relist: true,
    failures: 0,
    worthALine: false,
  });
  expect(nextStep(failed(answered(410)), 2)).toEqual({ relist: true, failures: 3, worthALine: false });
});
