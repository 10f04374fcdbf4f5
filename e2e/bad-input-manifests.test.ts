/** "Bad input to survive": manifests. Each is refused with status and code while a neighbour answers throughout. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { expectError, expectGood, upload } from "./support/deploys.ts";
import { deployFunction, NEIGHBOUR } from "./support/functions.ts";
import { withNeighbour } from "./support/neighbour.ts";
import { computedMs, startPlatform, type TestPlatform } from "./support/platform.ts";

let platform: TestPlatform;
beforeAll(async () => {
  platform = await startPlatform();
  await deployFunction(platform, NEIGHBOUR);
});
afterAll(() => platform[Symbol.asyncDispose]());

const HANDLER = { "handler.ts": "export const handle = () => 'never deployed';\n" };
const VALID =
  "name: bombed\nruntime: typescript\nversion: 1.0.0\nentry: handler.handle\n" +
  "triggers:\n  - type: http\n    path: /v1/functions/bombed\n";

const TEN_MISTAKES = `name: Embed_Doc
runtime: pyhton
version: 1
entry: handler.handle
timeout: 30s
resources:
  cpu: lots
  memroy: 1Gi
environment:
  BATCH_SIZE: 32
triggers:
  - type: htpp
  - type: http
    path: hooks
    methods: [get]
`;

test("a manifest with ten mistakes: 400 invalid_manifest with all ten, each with its place, rule and value", async () => {
  await withNeighbour(platform, async () => {
    const body = expectError(await upload(platform, TEN_MISTAKES, HANDLER), 400, "invalid_manifest");
    const places = body.details?.map(({ path, line, column }) => `${path} ${line}:${column}`);
    expect(places).toEqual([
      "name 1:7",
      "runtime 2:10",
      "version 3:10",
      "timeout 5:1",
      "resources.cpu 7:8",
      "resources.memroy 8:3",
      "environment.BATCH_SIZE 10:15",
      "triggers[0].type 12:11",
      "triggers[1].path 14:11",
      "triggers[1].methods[0] 15:15",
    ]);
    for (const detail of body.details ?? []) expect(detail.rule).not.toBe("");
    expect(body.details?.[1]).toMatchObject({ value: "pyhton", suggestion: "did you mean `python`?" });
    expect((await platform.fetchApi("/v1/functions/Embed_Doc")).status).not.toBe(200);
    await expectGood(platform, "embed-doc");
  });
});

const LAUGHS = ["a: &a [x,x,x,x,x,x,x,x,x]"]
  .concat(
    Array.from("bcdefghi", (name, i) => {
      const before = `*${"abcdefghi"[i]}`;
      return `${name}: &${name} [${Array.from({ length: 9 }, () => before).join(",")}]`;
    }),
  )
  .join("\n");

const BOMBS: readonly (readonly [what: string, text: string])[] = [
  ["of aliases that unfold to 9^9 words", `${LAUGHS}\n${VALID}`],
  ["of merge keys", `x: &x {a: 1}\n${VALID}environment:\n${"  <<: *x\n".repeat(2000)}`],
  ["of an alias within itself", `${VALID}environment: &e {A: *e}\n`],
  ["nested 100,000 deep", `${VALID}environment: ${"[".repeat(100_000)}\n`],
  ["of 50,000 flow maps", `${VALID}environment: ${"{a: ".repeat(50_000)}\n`],
  ["of 50,000 unknown keys", `${VALID}${Array.from({ length: 50_000 }, (_, i) => `k${i}: 1`).join("\n")}\n`],
];

test.each(BOMBS)(
  "a YAML bomb %s: 400 invalid_manifest, soon and with a short answer",
  async (_what, text) => {
    await withNeighbour(platform, async () => {
      const before = await computedMs(platform);
      const answer = await upload(platform, text, HANDLER);
      expect((await computedMs(platform)) - before).toBeLessThan(4000);
      expectError(answer, 400, "invalid_manifest");
      expect(answer.text.length).toBeLessThan(64 * 1024);
      await expectGood(platform, "bombed");
    });
  },
);

test("a 10 MB manifest: 413 payload_too_large", async () => {
  await withNeighbour(platform, async () => {
    const comment = `# ${"x".repeat(1000)}\n`.repeat(10_000);
    const body = expectError(await upload(platform, comment + VALID, HANDLER), 413, "payload_too_large");
    expect(body.msg).toContain("manifest");
    await expectGood(platform, "after-10-mb");
  });
});
