import { afterAll, beforeAll, expect, it } from "vitest";
import type { Answer } from "../client.ts";
import type { Language } from "../languages.ts";
import { ready, type Server } from "../server.ts";
import { suite } from "./suite.ts";

interface AnswerCase {
  readonly path: string;
  readonly name: string;
  readonly status: number;
  readonly type?: string;
  readonly json?: unknown;
  readonly text?: string;
  readonly bytes?: readonly number[];
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
}

/** The table "What the handler returns". */
const answerCases: readonly AnswerCase[] = [
  { path: "/map", name: "a map", status: 200, type: "application/json", json: { a: 1, b: ["x", null] } },
  { path: "/list", name: "a list", status: 200, type: "application/json", json: [1, 2] },
  { path: "/number", name: "a number", status: 200, type: "application/json", json: 42 },
  { path: "/true", name: "a bool", status: 200, type: "application/json", json: true },
  { path: "/text", name: "a string", status: 200, type: "text/plain; charset=utf-8", text: "grüße" },
  { path: "/bytes", name: "bytes", status: 200, type: "application/octet-stream", bytes: [0, 255, 10] },
  { path: "/nothing", name: "nothing", status: 204, text: "" },
  {
    path: "/response",
    name: "a Response with a map",
    status: 201,
    type: "application/json",
    json: { made: true },
    headers: { "x-own": "1" },
  },
  {
    path: "/response-text",
    name: "a Response with a type of its own",
    status: 404,
    type: "text/html",
    text: "<p>",
  },
  { path: "/response-empty", name: "an empty Response", status: 204, text: "" },
  {
    path: "/response-empty-200",
    name: "an empty Response with a status",
    status: 200,
    text: "",
    headers: { "content-length": "0" },
  },
  {
    path: "/response-cookies",
    name: "a Response with a repeated header",
    status: 200,
    text: "x",
    headers: { "set-cookie": ["a=1", "b=2"] },
  },
  { path: "/response-204", name: "a 204 with a body", status: 204, text: "" },
  { path: "/ok", name: "Response.ok", status: 200, type: "application/json", json: { routed: true } },
  {
    path: "/json-string",
    name: "Response.json of a string",
    status: 200,
    type: "application/json",
    text: '"x"',
  },
  {
    path: "/json-null",
    name: "Response.json of nothing",
    status: 200,
    type: "application/json",
    text: "null",
  },
  { path: "/as-text", name: "Response.text", status: 202, type: "text/plain; charset=utf-8", text: "plain" },
  {
    path: "/error",
    name: "Response.error",
    status: 418,
    type: "application/json",
    json: { error: "a teapot" },
  },
  {
    path: "/dropped",
    name: "a Response with headers that are not the function's",
    status: 200,
    text: "four",
    headers: { "content-length": "4", "x-kept": "1", "x-function-instance": "fn-embed-00003-local-x1y2z3" },
  },
];

function check(answer: Answer, wanted: AnswerCase): void {
  expect(answer.status).toBe(wanted.status);
  expect(answer.headers).toMatchObject(wanted.headers ?? {});
  if (wanted.type !== undefined) expect(answer.headers["content-type"]).toBe(wanted.type);
  if (wanted.json !== undefined) expect(answer.json).toEqual(wanted.json);
  if (wanted.text !== undefined) expect(answer.text).toBe(wanted.text);
  if (wanted.bytes !== undefined) expect([...answer.bytes]).toEqual(wanted.bytes);
}

export function answersSuite(language: Language): void {
  suite(language, "what the handler returns", () => {
    let server: Server;
    beforeAll(async () => void (server = await ready(language, "answers")));
    afterAll(() => server[Symbol.asyncDispose]());

    for (const wanted of answerCases) {
      it(`${wanted.name} is answered with ${wanted.status}`, async () => {
        const answer = await server.call({ path: wanted.path });
        check(answer, wanted);
        expect(answer.headers["x-function-error"]).toBeUndefined();
      });
    }
  });
}
