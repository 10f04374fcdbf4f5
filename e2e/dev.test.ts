/** `hanzo-fn dev` of languages that are loaded: what a save does, what fails, what is left. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { devCache, type DevOptions, type TestDev } from "./support/dev.ts";
import {
  callSlow,
  count,
  DEV_SOURCES,
  leftIn,
  LOADED,
  processesBelow,
  startLoaded,
  versionOf,
} from "./support/dev-sources.ts";

let cache: Awaited<ReturnType<typeof devCache>>;
beforeAll(async () => {
  cache = await devCache();
});
afterAll(() => cache[Symbol.asyncDispose]());

describe.each(LOADED)("dev of a %s function", (language) => {
  const { file, code, broken, failing } = DEV_SOURCES[language];
  const start = (more?: Partial<DevOptions>): Promise<TestDev> => startLoaded(cache.path, language, more);

  test("serves every path and method, its triggers' and /invoke, as the platform does", async () => {
    await using dev = await start();
    // The first one comes before any code is there.
    for (const [path, method] of [
      ["/v1/functions/tried/invoke", "POST"],
      ["/v1/functions/tried", "POST"],
      ["/any/where?x=1", "PUT"],
      ["/", "GET"],
    ] as const) {
      const answer = await dev.call(path, { method });
      expect([path, answer.status, versionOf(answer.text)]).toEqual([path, 200, "1"]);
      expect(answer.headers.get("x-function-name")).toBe("tried");
    }
    expect((await dev.call("/v1/functions/tried", { method: "DELETE" })).status).toBe(405);
    expect((await dev.call("/v1/functions/other/invoke", { method: "POST" })).status).toBe(404);
    expect((await dev.call("/.hanzo/ping")).status).toBe(404);
  });

  test("the request right after each save is served by the code of that save", async () => {
    await using dev = await start();
    expect(versionOf((await dev.call()).text)).toBe("1");
    for (let i = 2; i <= 25; i++) {
      await dev.save(file, code(String(i)));
      const answer = await dev.call();
      expect([answer.status, answer.text]).toEqual([
        200,
        expect.stringMatching(new RegExp(`"version": ?"${i}"`)),
      ]);
    }
  });

  test("a request that runs ends on the old code, one that comes after the save gets the new", async () => {
    await using dev = await start();
    await dev.call();
    const before = dev.lines.length;
    const slow = await callSlow(dev);
    await dev.save(file, code("2"));
    expect(versionOf((await dev.call()).text)).toBe("2");
    expect(count(dev, (line) => line.event === "request" && line["path"] === "/slow")).toBe(0);
    await slow.letGo();
    const answer = await slow.answer;
    expect([answer.status, versionOf(answer.text)]).toEqual([200, "1"]);
    expect(dev.lines.slice(before).filter(({ event }) => event === "exited")).toEqual([]);
  });

  test("a file saved 50 times a second: it lives, requests are answered in order, and the last save counts", async () => {
    await using dev = await start();
    await dev.call();
    const saving = new AbortController();
    let saved = 1;
    const writer = (async () => {
      const end = performance.now() + 3000;
      while (performance.now() < end || saved <= 60) {
        await dev.save(file, code(String(++saved)));
        await sleep(20);
      }
      saving.abort();
    })();
    let last = 0;
    while (!saving.signal.aborted) {
      const atLeast = saved - 1;
      const answer = await dev.call();
      expect(answer.status).toBe(200);
      const seen = Number(versionOf(answer.text));
      expect(seen).toBeGreaterThanOrEqual(Math.max(last, atLeast));
      last = seen;
    }
    await writer;
    expect(versionOf((await dev.call()).text)).toBe(String(saved));
    // Not every save was built: only what somebody could have asked for.
    expect(count(dev, ({ event }) => event === "ready")).toBeLessThan(saved);
    expect(count(dev, ({ event }) => event === "failed")).toBe(0);
  });

  test("what does not build or load is told once, with its place, and answered; the old code does not go on", async () => {
    await using dev = await start();
    await dev.call();
    for (const [text, codes] of [
      [broken, ["build_failed", "load_failed"]],
      [failing, ["load_failed"]],
    ] as const) {
      const from = dev.lines.length;
      await dev.save(file, text);
      for (let i = 0; i < 3; i++) {
        const answer = await dev.call();
        const body = JSON.parse(answer.text) as { error: string; code: number; requestId: string };
        expect([answer.status, codes]).toEqual([422, expect.arrayContaining([body.error])]);
        expect(answer.headers.get("x-function-not-delivered")).toBe(body.error);
      }
      const failures = dev.lines.slice(from).filter(({ event }) => event === "failed");
      expect(failures).toHaveLength(1);
      expect(JSON.stringify(failures[0])).toContain(file);
    }
    await dev.save(file, code("mended"));
    expect(versionOf((await dev.call()).text)).toBe("mended");
  });

  test("an error of the handler is in the log once, and the caller gets the platform's body", async () => {
    await using dev = await start();
    const answer = await dev.call("/throw");
    expect([answer.status, JSON.parse(answer.text)]).toEqual([
      500,
      expect.objectContaining({
        error: "handler_error",
        msg: "the handler raised TypeError",
        function: "tried",
      }),
    ]);
    const line = await dev.waitFor(({ event, level }) => event === "log" && level === "error");
    expect(line["msg"]).toContain("thrown on purpose");
    expect(line["msg"]).toContain(`${dev.folder}/${file}`);
    expect(line["request_id"]).toBe(answer.headers.get("x-request-id"));
    expect(versionOf((await dev.call()).text)).toBe("1");
    expect(count(dev, ({ event, level }) => event === "log" && level === "error")).toBe(1);
  });

  test("a process that ends in a call: that call gets 502, the next a new process", async () => {
    await using dev = await start();
    const answer = await dev.call("/crash");
    expect([answer.status, JSON.parse(answer.text)]).toEqual([
      502,
      expect.objectContaining({ error: "instance_exited", msg: expect.stringContaining("code 3") as string }),
    ]);
    await dev.waitFor(({ event }) => event === "exited");
    expect(versionOf((await dev.call()).text)).toBe("1");
  });

  test(".env and .secrets.env give variables, a change of them counts, and a missing secret is named", async () => {
    await using dev = await start({
      files: {
        "function.yaml": `${DEV_SOURCES[language].manifest}environment:\n  GREETING: from the manifest\n`,
      },
    });
    const greeting = async () => (JSON.parse((await dev.call()).text) as { greeting: unknown }).greeting;
    expect(await greeting()).toBe("from the manifest");
    await dev.save(".env", "GREETING=from .env\n");
    expect(await greeting()).toBe("from .env");
    await dev.save(".env", "");
    await dev.save(
      "function.yaml",
      `${DEV_SOURCES[language].manifest}secrets:\n  - name: greeting-secret\n    env: GREETING\n`,
    );
    const answer = await dev.call();
    expect([answer.status, JSON.parse(answer.text)]).toEqual([
      422,
      expect.objectContaining({
        error: "missing_secret",
        msg: "GREETING (secret greeting-secret) has no value on this machine",
      }),
    ]);
    await dev.save(".secrets.env", "GREETING=kept secret\n");
    expect(await greeting()).toBe("kept secret");
  });

  test("after kill -9 of dev nothing is left: no process, no socket", async () => {
    await using dev = await start();
    await dev.call();
    const slow = await callSlow(dev);
    const cut = slow.answer.catch(() => undefined);
    expect(await leftIn(dev.temp)).toHaveLength(1);
    expect(processesBelow(dev.temp).length).toBeGreaterThan(0);
    dev.process.kill("SIGKILL");
    expect(await dev.ended).toBe("SIGKILL");
    await cut;
    await expect.poll(() => processesBelow(dev.temp)).toEqual([]);
    await expect.poll(() => leftIn(dev.temp)).toEqual([]);
  });
});
