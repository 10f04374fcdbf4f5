/** What a caller sees of handlers that overrun their time or their memory: the same on every engine. */
import { expect, test } from "vitest";
import { callFunction } from "./deploys.ts";
import { deployFunction, NEIGHBOUR } from "./functions.ts";
import type { TestPlatform } from "./platform.ts";

const LANGUAGES = [
  [
    "typescript",
    "export const handle = async (ctx) => {\n" +
      "  if (ctx.data.hang) await new Promise(() => {});\n" +
      "  await new Promise((resolve) => setTimeout(resolve, 1000));\n  return 'good';\n};\n",
  ],
  [
    "python",
    "import asyncio\n\nasync def handle(ctx):\n    if ctx.data.get('hang'):\n        await asyncio.Event().wait()\n" +
      "    await asyncio.sleep(1)\n    return 'good'\n",
  ],
] as const;

/** The neighbour has to be deployed. `platformOf` is asked when the tests run. */
export function misbehaviourTests(platformOf: () => TestPlatform): void {
  const call = (name: string, data?: unknown) => callFunction(platformOf(), name, data);

  test.each(LANGUAGES)(
    "one hanging await beside nine 1 s calls gives nine 200 and one 504 (%s)",
    async (runtime, code) => {
      const name = `hang-${runtime}`;
      await deployFunction(platformOf(), {
        name,
        runtime,
        manifest:
          'resources:\n  cpu: "50m"\n  timeout: 10s\n  concurrency: 10\n' +
          "scaling:\n  target_concurrency: 10\n  max_instances: 1\n",
        code,
      });
      const calls = [call(name, { hang: true }), ...Array.from({ length: 9 }, () => call(name))];
      const answers = await Promise.all(calls);
      expect(answers.map((answer) => answer.status)).toEqual([504, ...Array.from({ length: 9 }, () => 200)]);
      expect(JSON.parse(answers[0]?.text ?? "")).toMatchObject({ error: "timeout" });
      expect(answers[0]?.headers.get("x-function-revision")).toBe(`${name}-00001`);
      expect(answers[0]?.headers.get("x-function-not-delivered")).toBeNull();
      expect((await call(name)).status).toBe(200);
    },
  );

  test("a function that outgrows its memory is ended with 502 out_of_memory, and describe says so", async () => {
    await deployFunction(platformOf(), {
      name: "glutton",
      runtime: "python",
      manifest: 'resources:\n  cpu: "50m"\n  memory: 128Mi\n',
      code: "held = []\n\ndef handle(ctx):\n    while ctx.data.get('eat'):\n        held.append(bytearray(8 * 1024 * 1024))\n    return 'fed'\n",
    });
    const answer = await call("glutton", { eat: true });
    expect(answer.status).toBe(502);
    expect(JSON.parse(answer.text)).toMatchObject({ error: "out_of_memory" });
    expect(await platformOf().ok(["describe", "glutton"])).toContain("out_of_memory");
    expect(await call("glutton")).toMatchObject({ status: 200, text: "fed" });
    expect((await call(NEIGHBOUR.name)).status).toBe(200);
  });
}
