/** "Bad input to survive": code of functions. */
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  callFunction,
  expectError,
  expectGood,
  settledRevision,
  type ShownRevision,
  uploadFunction,
} from "./support/deploys.ts";
import { deployFunction, type FunctionSource, NEIGHBOUR } from "./support/functions.ts";
import { withNeighbour } from "./support/neighbour.ts";
import { peakMemoryMiB, startPlatform, type TestPlatform } from "./support/platform.ts";

let platform: TestPlatform;
beforeAll(async () => {
  platform = await startPlatform({ config: "local:\n  load_timeout: 12s\n" });
  await deployFunction(platform, NEIGHBOUR);
});
afterAll(() => platform[Symbol.asyncDispose]());

/** A revision whose code does not load; the one before it goes on serving, and a mended one takes over. */
async function expectUnloadable(
  source: FunctionSource,
  code: "build_failed" | "load_failed",
  says: RegExp,
): Promise<ShownRevision> {
  const { result } = await withNeighbour(platform, async () => {
    await expectGood(platform, source.name, "first");
    const failed = await settledRevision(platform, await uploadFunction(platform, source));
    expect([failed.state, failed.failure?.code, failed.failure?.message]).toEqual([
      "failed",
      code,
      expect.stringMatching(says),
    ]);
    const before = await callFunction(platform, source.name);
    expect([before.status, before.text]).toEqual([200, "first"]);
    await expectGood(platform, source.name, "mended");
    return failed;
  });
  return result;
}

const OK = {
  python: "def handle(ctx):\n    return 'ok'\n",
  typescript: "export const handle = () => 'ok';\n",
};

for (const runtime of ["python", "typescript"] as const) {
  const py = runtime === "python";
  const short = py ? "py" : "ts";

  test(`handler file missing (${runtime}): 422 build_failed names it`, async () => {
    const source = { name: `no-file-${short}`, runtime, entry: "elsewhere.handle", code: OK[runtime] };
    await expectUnloadable(source, "build_failed", /elsewhere/);
  });

  test(`syntax error (${runtime}): 422 ${py ? "load_failed" : "build_failed"} with the line`, async () => {
    const code = py ? "x = 1\ndef handle(ctx:\n" : "const x = 1;\nexport const handle = ( => 1;\n";
    const source = { name: `syntax-${short}`, runtime, code };
    if (py) await expectUnloadable(source, "load_failed", /syntax_error.*2/s);
    else await expectUnloadable(source, "build_failed", /handler\.ts:2: /);
  });

  test(`import error (${runtime}): 422 load_failed names the module`, async () => {
    const code = py
      ? `import no_such_module_here\n${OK.python}`
      : `import "no-such-module-here";\n${OK.typescript}`;
    await expectUnloadable({ name: `import-${short}`, runtime, code }, "load_failed", /no.such.module.here/);
  });

  test(`entry not found (${runtime}): 422 load_failed names what there is`, async () => {
    const source = { name: `no-entry-${short}`, runtime, entry: "handler.other", code: OK[runtime] };
    await expectUnloadable(source, "load_failed", /entry_missing.*other.*handle/s);
  });

  test(`infinite loop at import (${runtime}): 422 load_failed after the load timeout`, async () => {
    const code = py ? `while True: pass\n${OK.python}` : `for (;;) {}\n${OK.typescript}`;
    await expectUnloadable({ name: `loop-${short}`, runtime, code }, "load_failed", /12s|12000|within|time/);
  });

  test(`a handler that exits (${runtime}): 502 instance_exited with its code`, async () => {
    const code = py
      ? "import os\n\ndef handle(ctx):\n    if ctx.data.get('bad'):\n        os._exit(7)\n    return 'good'\n"
      : "export const handle = (ctx) => {\n  if (ctx.data.bad) process.exit(7);\n  return 'good';\n};\n";
    await expectBadThenGood({ name: `exits-${short}`, runtime, code }, 502, "instance_exited", /7/);
  });

  test(`a handler that leaks memory (${runtime}): 502 out_of_memory`, async () => {
    const code = py
      ? "held = []\n\ndef handle(ctx):\n    while ctx.data.get('bad'):\n        held.append(bytearray(8 << 20))\n    return 'good'\n"
      : "const held = [];\nexport const handle = async (ctx) => {\n" +
        "  while (ctx.data.bad) {\n    held.push(Buffer.alloc(8 << 20, 1));\n    await new Promise(setImmediate);\n  }\n" +
        "  return 'good';\n};\n";
    const source = { name: `leaks-${short}`, runtime, manifest: "resources:\n  memory: 192Mi\n", code };
    await expectBadThenGood(source, 502, "out_of_memory", /192|memory/);
  });

  test(`a handler that returns unserialisable data (${runtime}): 500 unserialisable`, async () => {
    const code = py
      ? "def handle(ctx):\n    return {'made': object()} if ctx.data.get('bad') else 'good'\n"
      : "export const handle = (ctx) => (ctx.data.bad ? { made: 1n } : 'good');\n";
    await expectBadThenGood({ name: `unserial-${short}`, runtime, code }, 500, "unserialisable", /./);
  });

  test(`a handler that never returns (${runtime}): 504 timeout`, async () => {
    const code = py
      ? "def handle(ctx):\n    while ctx.data.get('bad'):\n        pass\n    return 'good'\n"
      : "export const handle = (ctx) => {\n  while (ctx.data.bad) {}\n  return 'good';\n};\n";
    const source = { name: `never-${short}`, runtime, manifest: "resources:\n  timeout: 4s\n", code };
    await expectBadThenGood(source, 504, "timeout", /./);
  });

  test(`a handler that hangs beside nine good calls (${runtime}): one 504 and nine 200`, async () => {
    const code = py
      ? "import asyncio\n\nasync def handle(ctx):\n    if ctx.data.get('bad'):\n        await asyncio.Event().wait()\n" +
        "    await asyncio.sleep(0.5)\n    return 'good'\n"
      : "export const handle = async (ctx) => {\n  if (ctx.data.bad) await new Promise(() => {});\n" +
        "  await new Promise((resolve) => setTimeout(resolve, 500));\n  return 'good';\n};\n";
    const name = `hangs-${short}`;
    const manifest =
      "resources:\n  timeout: 10s\n  concurrency: 10\nscaling:\n  target_concurrency: 10\n  max_instances: 1\n";
    await withNeighbour(platform, async () => {
      await deployFunction(platform, { name, runtime, manifest, code });
      const [hung, ...good] = await Promise.all([
        callFunction(platform, name, { bad: true }),
        ...Array.from({ length: 9 }, () => callFunction(platform, name)),
      ]);
      expectError(hung, 504, "timeout");
      expect(good.map(({ status, text }) => [status, text])).toEqual(good.map(() => [200, "good"]));
      expect((await callFunction(platform, name)).text).toBe("good");
    });
  });
}

/** A call with `{bad: true}` is this error, said by the platform's one body; the next call is good. */
async function expectBadThenGood(
  source: FunctionSource,
  status: number,
  code: string,
  says: RegExp,
): Promise<void> {
  await withNeighbour(platform, async () => {
    await deployFunction(platform, source);
    const bad = await callFunction(platform, source.name, { bad: true });
    const body = expectError(bad, status, code);
    expect(body).toMatchObject({ function: source.name, revision: `${source.name}-00001` });
    expect(body.msg).toMatch(says);
    // Its bytes reached user code.
    expect(bad.headers.get("x-function-not-delivered")).toBeNull();
    const good = await callFunction(platform, source.name);
    expect([good.status, good.text]).toEqual([200, "good"]);
  });
}

test("a handler that writes 1 GB of logs in one call: 200, bounded memory, bounded store", async () => {
  const before = await peakMemoryMiB(platform);
  await withNeighbour(platform, async () => {
    await deployFunction(platform, {
      name: "talker",
      runtime: "python",
      manifest: "resources:\n  timeout: 300s\n",
      code:
        "LINE = 'x' * 1023\n\ndef handle(ctx):\n    for _ in range(ctx.data.get('mb', 0)):\n" +
        "        print('\\n'.join([LINE] * 1024))\n    return 'good'\n",
    });
    const answer = await callFunction(platform, "talker", { mb: 1024 });
    expect([answer.status, answer.text]).toEqual([200, "good"]);
    expect((await callFunction(platform, "talker")).text).toBe("good");
  });
  expect((await peakMemoryMiB(platform)) - before).toBeLessThan(256);
  const kept = await platform.fetchApi("/v1/functions/talker/logs?limit=1000");
  expect(kept.status).toBe(200);
  expect((await kept.text()).length).toBeLessThan(32 * 1024 * 1024);
}, 300_000);

/** What the instance writes on its socket instead of an answer. */
const MALFORMED: readonly (readonly [what: string, bytes: string])[] = [
  ["no HTTP at all", "SSH-2.0-OpenSSH_9.0\r\n\r\n"],
  ["a status of two digits", "HTTP/1.1 20 OK\r\n\r\n"],
  ["a field without a colon", "HTTP/1.1 200 OK\r\nnonsense\r\n\r\n"],
  ["bare LF", "HTTP/1.1 200 OK\nContent-Length: 0\n\n"],
  ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"],
  [
    "Content-Length with Transfer-Encoding",
    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  ],
  ["a head of 100 KB", `HTTP/1.1 200 OK\r\nA: ${"a".repeat(100_000)}\r\n\r\n`],
];

test("a function that answers with malformed HTTP: 502 malformed_response, whatever its bytes are", async () => {
  await withNeighbour(platform, async () => {
    await deployFunction(platform, {
      name: "mumbler",
      runtime: "typescript",
      // User code shares its process with the server that answers for it, and here it breaks that server.
      code:
        'import { ServerResponse } from "node:http";\nlet bytes;\n' +
        "const whole = ServerResponse.prototype.writeHead;\n" +
        "ServerResponse.prototype.writeHead = function (...given) {\n" +
        "  if (bytes === undefined) return whole.apply(this, given);\n" +
        "  this.socket.write(bytes);\n  bytes = undefined;\n  throw new Error('no more');\n};\n" +
        "export const handle = (ctx) => {\n  bytes = ctx.data.bytes;\n  return 'good';\n};\n",
    });
    for (const [what, bytes] of MALFORMED) {
      const answer = await callFunction(platform, "mumbler", { bytes });
      expect([what, answer.status]).toEqual([what, 502]);
      const body = expectError(answer, 502, "malformed_response");
      expect(body).toMatchObject({ function: "mumbler", revision: "mumbler-00001" });
      const good = await callFunction(platform, "mumbler");
      expect([what, good.status, good.text]).toEqual([what, 200, "good"]);
    }
  });
});

test("a function that smuggles a second answer behind its first: nobody gets it", async () => {
  await withNeighbour(platform, async () => {
    const evil = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    const bytes = `HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst${evil}`;
    const first = await callFunction(platform, "mumbler", { bytes });
    expect([first.status, first.text]).toEqual([200, "first"]);
    const next = await Promise.all(Array.from({ length: 5 }, () => callFunction(platform, "mumbler")));
    expect(next.map(({ text }) => text)).toEqual(next.map(() => "good"));
  });
});
