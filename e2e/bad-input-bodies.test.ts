/**
 * "Bad input to survive": bodies, in four languages.
 *
 * | clause | where |
 * |---|---|
 * | a body that is not the declared type | here |
 * | 100 MB streamed in and out with constant memory | here, of the platform and of the instance; a slow reader or handler: `runtimes/conformance/suites/bodies.ts`; to and from the storage: context-services.test.ts |
 */
import { createHash, type Hash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { request, type IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectError } from "./support/deploys.ts";
import { deployFunction, NEIGHBOUR } from "./support/functions.ts";
import {
  callDoing,
  deployHarm,
  LANGUAGES,
  need,
  startCompilingPlatform,
  valueOf,
} from "./support/languages.ts";
import { withNeighbour } from "./support/neighbour.ts";
import { peakMemoryMiB, type TestPlatform } from "./support/platform.ts";

/** A first build of Go or Rust compiles the SDK and its dependencies. */
const BUILD_MS = 400_000;
const MIB = 1024 * 1024;
const STREAMED_MIB = 100;
/** What a process may take for a stream of any length: buffers, and garbage that is not collected yet. */
const CONSTANT_MIB = 80;

let platform: TestPlatform;
beforeAll(async () => {
  platform = await startCompilingPlatform();
  await deployFunction(platform, NEIGHBOUR);
});
afterAll(() => platform[Symbol.asyncDispose]());

const LIES: readonly (readonly [what: string, type: string, body: string | Uint8Array<ArrayBuffer>])[] = [
  ["JSON that breaks off", "application/json", '{"a": [1, 2'],
  ["text that is called JSON", "application/json", "hello"],
  ["JSON with something behind it", "application/json; charset=utf-8", '{"a": 1} {"b": 2}'],
  ["NaN", "application/problem+json", '{"a": NaN}'],
  ["JSON that is not UTF-8", "application/json", Buffer.from('{"a": "\xff"}', "latin1")],
  ["gzip that is called JSON", "application/json", Buffer.from("1f8b0800000000000003", "hex")],
  ["an event that is a list", "application/cloudevents+json", "[]"],
  ["an event without its id", "application/cloudevents+json", '{"specversion": "1.0", "type": "t"}'],
  ["a batch that is none", "application/cloudevents-batch+json", '{"specversion": "1.0"}'],
  [
    "a batch with an id twice",
    "application/vnd.hanzo.batch+json",
    '{"items":[{"id":"a","data":1},{"id":"a","data":2}]}',
  ],
];

const TAKEN: readonly (readonly [
  what: string,
  type: string,
  body: string | Uint8Array<ArrayBuffer>,
  data: unknown,
])[] = [
  ["JSON that is called text", "text/plain", '{"a":1}', { body: '{"a":1}' }],
  ["text that is called an image", "image/png", "hello", { body: "hello" }],
  [
    "bytes that are called text",
    "text/plain; charset=utf-8",
    Buffer.from([0xff, 0]),
    { body: "/wA=", encoding: "base64" },
  ],
  [
    "bytes that are called a form",
    "application/x-www-form-urlencoded",
    Buffer.from([0xc3, 0x28]),
    { body: "wyg=", encoding: "base64" },
  ],
];

/** `count` pieces of 1 MiB that differ. */
function* pieces(count: number): Generator<Buffer> {
  for (let i = 0; i < count; i++) yield Buffer.alloc(MIB, i);
}

function digestOf(count: number): string {
  const hash = createHash("sha256");
  for (const piece of pieces(count)) hash.update(piece);
  return hash.digest("hex");
}

/** Sends `count` MiB and reads the answer at the same time; gives the answer's size and digest. */
async function echoed(name: string, count: number): Promise<{ size: number; digest: string }> {
  const outgoing = request(`${platform.invoke}/v1/functions/${name}?do=echo`, {
    method: "POST",
    headers: { authorization: `Bearer ${platform.adminKey}`, "content-type": "application/octet-stream" },
  });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once("response", resolve).once("error", reject);
  });
  const [, result] = await Promise.all([
    pipeline(Readable.from(pieces(count)), outgoing),
    answered.then(async (answer) => {
      expect(answer.statusCode).toBe(200);
      const hash: Hash = createHash("sha256");
      let size = 0;
      for await (const chunk of answer) {
        size += (chunk as Buffer).length;
        hash.update(chunk as Buffer);
      }
      return { size, digest: hash.digest("hex") };
    }),
  ]);
  return result;
}

/** MiB of a process by a line of `/proc/<pid>/status`. */
async function memoryMiB(pid: number, line: "VmRSS" | "VmHWM"): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(new RegExp(`^${line}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]) / 1024;
}

describe.each(LANGUAGES)("a %s function", (language) => {
  const [harm, flow] = [`harm-${language}`, `flow-${language}`];
  const manifest = "resources:\n  memory: 512Mi\n  timeout: 120s\nscaling:\n  max_instances: 1\n";

  test(
    "is not called with a body that is not of its declared type: 400 bad_request",
    async (context) => {
      await need(context, language);
      await deployHarm(platform, language, { name: harm, exported: "harm", manifest });
      await withNeighbour(platform, async () => {
        expect(await valueOf(platform, harm, "data", { a: 1 })).toEqual({
          calls: 1,
          data: { a: 1 },
          size: 7,
        });
        for (const [what, type, body] of LIES) {
          const answer = await callDoing(platform, harm, "data", body, type);
          expect([what, answer.status, answer.text]).toEqual([what, 400, expect.any(String)]);
          expectError(answer, 400, "bad_request");
        }
        for (const [what, type, body, data] of TAKEN) {
          const answer = await callDoing(platform, harm, "data", body, type);
          expect([what, answer.status, answer.text]).toEqual([what, 200, expect.any(String)]);
          expect([what, JSON.parse(answer.text)]).toMatchObject([what, { data, size: body.length }]);
        }
        // Nobody was called with a lie.
        expect(await valueOf(platform, harm, "data", {})).toMatchObject({ calls: 2 + TAKEN.length });
        const deep = await callDoing(platform, harm, "data", `${"[".repeat(100_000)}${"]".repeat(100_000)}`);
        expect([200, 400, 500]).toContain(deep.status);
        expect(await valueOf(platform, harm, "data", {})).toMatchObject({ data: {} });
      });
    },
    BUILD_MS,
  );

  test(
    "streams 100 MB in and out at once while its memory and the platform's stay as they were",
    async (context) => {
      await need(context, language);
      await deployHarm(platform, language, { name: flow, exported: "flow", manifest });
      await withNeighbour(platform, async () => {
        expect(await echoed(flow, 1)).toEqual({ size: MIB, digest: digestOf(1) });
        const { pid } = (await valueOf(platform, flow, "pid")) as { pid: number };
        const before = await memoryMiB(pid, "VmRSS");
        const platformBefore = await peakMemoryMiB(platform);
        expect(await echoed(flow, STREAMED_MIB)).toEqual({
          size: STREAMED_MIB * MIB,
          digest: digestOf(STREAMED_MIB),
        });
        expect((await memoryMiB(pid, "VmHWM")) - before).toBeLessThan(CONSTANT_MIB);
        expect((await peakMemoryMiB(platform)) - platformBefore).toBeLessThan(CONSTANT_MIB);
        expect(await valueOf(platform, flow, "pid")).toEqual({ pid });
      });
    },
    BUILD_MS,
  );
});
