/**
 * "Bad input to survive" of functions in four languages: what handlers do to the process that serves them, and what
 * they ask of their stores. A neighbour is called all the while, and has to answer each time.
 *
 * | clause | where |
 * |---|---|
 * | block the event loop; return after the deadline | here; for ever: also bad-input-handlers.test.ts |
 * | spawn children and exit; close fds; change directory; monkey-patch | here |
 * | print binary or 10 MB lines | here; 1 GB of lines: bad-input-handlers.test.ts |
 * | raise in a generator mid-stream; allocate to the limit | here |
 * | kv and storage keys with `..`, NUL, other organisations' prefixes | here; other functions' and other buckets' objects, URLs forged: context-services.test.ts |
 * | a body that is not the declared type; 100 MB streamed in and out | bad-input-bodies.test.ts; to and from the storage: context-services.test.ts |
 * | a dependency file that asks for what is not there, hangs in its build script, needs 20 GB | bad-input-builds.test.ts |
 * | Go or Rust source that does not compile | compiled.test.ts |
 * | a file saved 50 times a second under `dev` | dev.test.ts |
 */
import { waitFor } from "@hanzo-fn/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type ApiAnswer, expectError } from "./support/deploys.ts";
import { deployFunction, NEIGHBOUR } from "./support/functions.ts";
import {
  callDoing,
  deployHarm,
  LANGUAGES,
  type LanguageName,
  need,
  startCompilingPlatform,
  valueOf,
} from "./support/languages.ts";
import { withNeighbour } from "./support/neighbour.ts";
import { peakMemoryMiB, type TestPlatform } from "./support/platform.ts";

/** A first build of Go or Rust compiles the SDK and its dependencies. */
const BUILD_MS = 400_000;
/** The longest text of a line of the log (section 5 of the contract). */
const LINE_BYTES = 64 * 1024;

let platform: TestPlatform;
beforeAll(async () => {
  platform = await startCompilingPlatform();
  await deployFunction(platform, NEIGHBOUR);
  await deployFunction(platform, {
    name: "victim",
    runtime: "typescript",
    code:
      "export const handle = async ({ kv, storage, query }) => {\n" +
      "  if (query.get('set')) {\n    await kv.set('secret', 'kept');\n    await storage.put('secret', 'kept');\n  }\n" +
      "  return [await kv.get('secret'), Buffer.from(await storage.get('secret')).toString()];\n};\n",
  });
});
afterAll(() => platform[Symbol.asyncDispose]());

interface Line {
  readonly msg: string;
  readonly request_id?: string;
  readonly level: string;
}

/** A line of the function's log, once it is there. */
function logged(name: string, fits: (line: Line) => boolean): Promise<Line> {
  return waitFor(`a line of ${name}`, async () => {
    const kept = await platform.ok(["logs", name, "--limit", "200", "-o", "json"]);
    const lines = kept.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as Line]));
    return lines.find(fits) ?? false;
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe.each(LANGUAGES)("a %s function", (language: LanguageName) => {
  const name = `harm-${language}`;
  /** The same program with a timeout of 4 s. */
  const hasty = `hasty-${language}`;
  let isThere = false;
  beforeEach(async (context) => {
    await need(context, language);
    if (isThere) return;
    const limits = (timeout: string): string =>
      `resources:\n  memory: 256Mi\n  timeout: ${timeout}\nscaling:\n  max_instances: 1\n`;
    await deployHarm(platform, language, { name, exported: "harm", manifest: limits("60s") });
    await deployHarm(platform, language, { name: hasty, exported: "harm", manifest: limits("4s") });
    isThere = true;
  }, BUILD_MS);

  /** Harm is done beside the neighbour, and the next call of the function that did it is good. */
  async function survives(work: () => Promise<unknown>, doer = name): Promise<void> {
    await withNeighbour(platform, async () => {
      await work();
      expect(await valueOf(platform, doer, "good")).toMatchObject({ ok: true });
    });
  }
  const act = (what: string, body?: unknown): Promise<ApiAnswer> => callDoing(platform, name, what, body);
  const pid = async (): Promise<number> => ((await valueOf(platform, name, "good")) as { pid: number }).pid;

  test("that computes without a pause holds nobody else up, and answers", async () => {
    await survives(async () => {
      const answer = await act("block", { ms: 500 });
      expect([answer.status, answer.text]).toEqual([200, "blocked"]);
    });
  });

  test("that computes through its deadline: 504 timeout", async () => {
    await survives(
      async () => expectError(await callDoing(platform, hasty, "block", { ms: 12_000 }), 504, "timeout"),
      hasty,
    );
  });

  test("that returns after its deadline: 504 timeout, and nobody gets what it returned", async () => {
    await survives(
      async () => expectError(await callDoing(platform, hasty, "late", { ms: 6000 }), 504, "timeout"),
      hasty,
    );
  });

  test("that starts children and exits: 502 instance_exited, and no child outlives it", async () => {
    await survives(async () => {
      const commands = [["sleep", "300"], ...(process.getuid?.() === 0 ? [["setsid", "sleep", "300"]] : [])];
      const children: number[] = [];
      for (const command of commands) {
        const { child } = (await valueOf(platform, name, "spawn", { command })) as { child: number };
        children.push(child);
      }
      expect(children.map(isAlive)).toEqual(children.map(() => true));
      expect(expectError(await act("exit"), 502, "instance_exited").msg).toContain("4");
      await waitFor("no child", () => !children.some(isAlive));
    });
  });

  test("that closes its outputs goes on", async () => {
    await survives(async () => {
      const before = await pid();
      expect((await act("close", { descriptors: [1, 2] })).status).toBe(200);
      expect(await pid()).toBe(before);
    });
    expectError(await act("exit"), 502, "instance_exited");
  });

  test("that closes every descriptor ends, and the next call starts another instance", async () => {
    await survives(async () => {
      const before = await pid();
      const descriptors = Array.from({ length: 256 }, (_, i) => i);
      expectError(await act("close", { descriptors }), 502, "instance_exited");
      expect(await pid()).not.toBe(before);
    });
  });

  test("that changes the directory goes on", async () => {
    await survives(async () => {
      expect((await act("leave")).text).toBe("/");
      expect(await valueOf(platform, name, "good")).toMatchObject({ cwd: "/" });
    });
    expectError(await act("exit"), 502, "instance_exited");
    expect(await valueOf(platform, name, "good")).not.toMatchObject({ cwd: "/" });
  });

  test("that patches built-ins goes on", async (context) => {
    if (language === "go" || language === "rust") {
      context.skip("absent by the runtime contract: the language has no built-ins that can be patched");
    }
    await survives(async () => {
      expect((await act("patch")).text).toBe("patched");
      expect((await act("good")).status).toBe(200);
    });
    expectError(await act("exit"), 502, "instance_exited");
  });

  test("that prints bytes which are no text: lines stay lines, and the next ones are whole", async () => {
    await survives(async () => {
      const bytes = [...Array.from({ length: 256 }, (_, i) => (i === 10 ? 11 : i)), 10];
      expect((await act("binary", { bytes })).status).toBe(200);
      const answer = await act("log", { value: "after the bytes" });
      const { request_id } = await logged(name, ({ msg }) => msg === "after the bytes");
      expect(request_id).toBe(answer.headers.get("x-request-id"));
      await logged(name, ({ msg }) => msg.includes("!\"#$%&'()*+,-./0123456789") && msg.includes("\ufffd"));
    });
  });

  test.each(["print", "log"])(
    "that writes a line of 10 MB (%s): it is cut, in bounded memory",
    async (how) => {
      const before = await peakMemoryMiB(platform);
      await survives(async () => {
        expect((await act(how, { value: "long" })).status).toBe(200);
        const { msg } = await logged(name, ({ msg }) => msg.startsWith(how.charAt(0).repeat(1000)));
        expect(msg.length).toBeLessThanOrEqual(LINE_BYTES + 100);
        const answer = await act("log", { value: `after ${how}` });
        const { request_id } = await logged(name, ({ msg }) => msg === `after ${how}`);
        expect(request_id).toBe(answer.headers.get("x-request-id"));
      });
      expect((await peakMemoryMiB(platform)) - before).toBeLessThan(64);
    },
  );

  test("that raises in the middle of a stream: the answer breaks off, and the log says why", async () => {
    await survives(async () => {
      const response = await platform.fetchInvoke(`/v1/functions/${name}?do=raise`, { method: "POST" });
      expect(response.status).toBe(200);
      const pieces = response.body![Symbol.asyncIterator]();
      const { value } = await pieces.next();
      expect(Buffer.from(value as Uint8Array).toString()).toBe("piece\n");
      await expect(pieces.next()).rejects.toThrow();
      const id = response.headers.get("x-request-id");
      const line = await logged(name, ({ request_id, level }) => request_id === id && level === "error");
      expect(line.msg).toContain("in the stream");
    });
  });

  test("that takes memory without end: 502 out_of_memory", async () => {
    await survives(async () => {
      expect(expectError(await act("allocate"), 502, "out_of_memory").msg).toMatch(/256|memory/);
    });
  });

  test("whose keys would leave its own: refused, or kept below its own, and the other's stay", async () => {
    const call = async (query = ""): Promise<unknown> =>
      (await platform.fetchInvoke(`/v1/functions/victim${query}`, { method: "POST" })).json();
    await survives(async () => {
      expect(await call("?set=1")).toEqual(["kept", "kept"]);
      for (const key of ["", "a\0b"]) {
        for (const what of ["kv-set", "kv-get"]) {
          const answer = await valueOf(platform, name, what, { key, value: "stolen" });
          expect([key, answer]).toEqual([key, { refused: "bad_request" }]);
        }
      }
      // Names like any other: what they mean elsewhere they do not mean here.
      for (const key of ["..", "../victim:secret", "fn:local/victim:secret", "fn:other/victim:secret"]) {
        const none = await callDoing(platform, name, "kv-get", { key });
        expect([key, none.text]).toEqual([key, "none"]);
        await valueOf(platform, name, "kv-set", { key, value: "mine" });
        const kept = await callDoing(platform, name, "kv-get", { key });
        expect([key, kept.text]).toEqual([key, "mine"]);
      }
      const objects = [
        ["../victim/secret", "bad_request"],
        ["out/../../victim/secret", "bad_request"],
        ["/etc/passwd", "bad_request"],
        ["a\0b", "bad_request"],
        ["", "bad_request"],
        ["s3://local-shared/../hanzo-functions/data/local/victim/secret", "bad_request"],
        ["s3://hanzo-functions/data/local/victim/secret", "forbidden"],
        ["s3://hanzo-functions/data/other/victim/secret", "forbidden"],
        ["s3://other-shared/secret", "forbidden"],
      ];
      for (const [key, refused] of objects) {
        for (const what of ["object-put", "object-get"]) {
          const answer = await valueOf(platform, name, what, { key, value: "stolen" });
          expect([key, answer]).toEqual([key, { refused }]);
        }
      }
      expect(await call()).toEqual(["kept", "kept"]);
    });
  });
});
