/** The same words of the command line for functions of each language. */
import { waitFor } from "@hanzo-fn/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { onCluster } from "./support/cluster.ts";
import { deployHarm, LANGUAGES, need, startCompilingPlatform } from "./support/languages.ts";
import type { TestPlatform } from "./support/platform.ts";

/** A first build of Go or Rust compiles the SDK and its dependencies. */
const BUILD_MS = 400_000;

let platform: TestPlatform;
beforeAll(async () => {
  platform = await startCompilingPlatform();
});
afterAll(() => platform[Symbol.asyncDispose]());

// On a cluster each of them waits for pods to end.
const each = onCluster() ? test.concurrent : test;

each.for(LANGUAGES)(
  "deploy, invoke, logs --follow, metrics, list, delete: a %s function",
  { timeout: BUILD_MS },
  async (language, context) => {
    await need(context, language);
    const name = `words-${language}`;
    await deployHarm(platform, language, { name, exported: "harm" });
    const invoke = (act: string, data: unknown): Promise<string> =>
      platform.ok(["invoke", name, "--path", `/v1/functions/${name}?do=${act}`, "-d", JSON.stringify(data)]);
    expect(JSON.parse(await invoke("good", {}))).toMatchObject({ ok: true, calls: 1 });

    // Ends when the line has come.
    const stop = new AbortController();
    const following = platform.cli(["logs", name, "--follow", "-o", "json"], {
      signal: stop.signal,
      onOutput: (text) => /said by .*\n/.test(text) && stop.abort(),
    });
    expect((await invoke("log", { value: `said by ${language}` })).trim()).toBe("logged");
    const { code, stdout } = await following;
    const line = stdout.split("\n").find((one) => one.includes(`said by ${language}`)) ?? "";
    const { request_id: id, level } = JSON.parse(line) as { request_id: string; level: string };
    expect([code, level, id]).toEqual([130, "info", expect.stringMatching(/^req_/)]);
    expect(await platform.ok(["logs", name, "--request-id", id])).toContain(`said by ${language}`);

    // Counts are written a moment after the calls.
    await waitFor(
      "the counts",
      async () => /^REVISION +INVOCATIONS .*\nall +2 /.test(await platform.ok(["metrics", name])),
      { everyMs: 200 },
    );
    expect(await platform.ok(["list"])).toMatch(new RegExp(`^${name} +${language} `, "m"));
    await platform.ok(["delete", name]);
    expect(await platform.ok(["list"])).not.toContain(name);
    expect((await platform.cli(["invoke", name])).stderr).toContain("not_found");
  },
);
