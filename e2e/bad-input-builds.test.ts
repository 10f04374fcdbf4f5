/**
 * "Bad input to survive": dependency files. A registry of the test gives what they ask for.
 *
 * | clause | where |
 * |---|---|
 * | a dependency file that asks for a package that does not exist | here (Python); other languages: packages/builder |
 * | has a build script that hangs | here (Python); Rust's build.rs: packages/builder/src/rust/build.it.test.ts |
 * | needs 20 GB | here; too much memory, or too large a layer: packages/builder/src/builder.it.test.ts |
 * | Go or Rust source that does not compile | compiled.test.ts |
 */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  callFunction,
  expectGood,
  settledRevision,
  type ShownRevision,
  uploadFunction,
} from "./support/deploys.ts";
import { deployFunction, NEIGHBOUR } from "./support/functions.ts";
import { need } from "./support/languages.ts";
import { withNeighbour } from "./support/neighbour.ts";
import { startPlatform, type TestPlatform } from "./support/platform.ts";
import { tarGz } from "./support/upload.ts";

/** Longer than a build that does not hang takes on a machine that computes something else. */
const LIMIT_S = 25;
const GB = 1_000_000_000;
/** What a child of the build script sleeps: no other process has this number. */
const SECONDS = `305.${process.pid}`;

/** A source distribution whose build script is `code`; it needs no other package to be built. */
function distribution(name: string, code: string): Promise<Buffer> {
  const folder = `${name}-1.0`;
  return tarGz({
    [`${folder}/PKG-INFO`]: `Metadata-Version: 2.1\nName: ${name}\nVersion: 1.0\n`,
    [`${folder}/pyproject.toml`]:
      '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
    [`${folder}/backend.py`]: code,
  });
}

/** 20 GB of zeros, as fast as they are read. */
function pour(response: ServerResponse): void {
  const piece = Buffer.alloc(1 << 20);
  response.writeHead(200, { "content-length": 20 * GB, "content-type": "application/octet-stream" });
  const more = (): void => {
    while (!response.destroyed && response.write(piece));
  };
  response.on("drain", more);
  more();
}

let platform: TestPlatform;
let registry: Server;
beforeAll(async () => {
  const hangs = await distribution(
    "hangs",
    `import subprocess\nsubprocess.Popen(["sleep", "${SECONDS}"], start_new_session=True)\nsubprocess.run(["sleep", "${SECONDS}"])\n`,
  );
  registry = createServer(({ url = "" }, response) => {
    const name = /^\/simple\/(hangs|hoards)\/$/.exec(url)?.[1];
    if (name !== undefined) {
      response.setHeader("content-type", "text/html");
      response.end(`<a href="/files/${name}-1.0.tar.gz">${name}-1.0.tar.gz</a>`);
    } else if (url === "/files/hangs-1.0.tar.gz") response.end(hangs);
    else if (url === "/files/hoards-1.0.tar.gz") pour(response);
    else response.writeHead(404).end();
  }).listen(0, "127.0.0.1");
  await once(registry, "listening");
  platform = await startPlatform({
    config: `builds:\n  timeout: ${LIMIT_S}s\n  max_disk_bytes: 64Mi\n`,
  });
  await deployFunction(platform, NEIGHBOUR);
});
afterAll(async () => {
  await platform?.[Symbol.asyncDispose]();
  registry.closeAllConnections();
  registry.close();
});

/** A revision with these requirements fails; the one before it goes on serving, and a mended one takes over. */
async function refused(name: string, requirement: string): Promise<NonNullable<ShownRevision["failure"]>> {
  const { port } = registry.address() as AddressInfo;
  const files = { "requirements.txt": `--index-url http://127.0.0.1:${port}/simple\n${requirement}\n` };
  const code = "def handle(ctx):\n    return 'bad'\n";
  const { result } = await withNeighbour(platform, async () => {
    await expectGood(platform, name, "first");
    const answer = await uploadFunction(platform, { name, runtime: "python", code, files });
    const failed = await settledRevision(platform, answer);
    expect([failed.state, failed.failure?.code]).toEqual(["failed", "build_failed"]);
    expect((await callFunction(platform, name)).text).toBe("first");
    await expectGood(platform, name, "mended");
    return failed.failure!;
  });
  return result;
}

const commandLines = (): string => execFileSync("ps", ["-eo", "args"], { encoding: "utf8" });

test("a dependency file that asks for a package that does not exist: 422 build_failed with its name", async (context) => {
  await need(context, "python");
  const failure = await refused("asks", "there-is-none-of-this==1.0");
  expect(JSON.stringify(failure)).toContain("there-is-none-of-this==1.0");
});

test("a dependency whose build script hangs: 422 build_failed at the limit, and nothing of it runs on", async (context) => {
  await need(context, "python");
  const failing = refused("hanging", "hangs==1.0");
  // Waited for below; a failure before that is no unhandled one.
  failing.catch(() => {});
  await expect.poll(commandLines).toContain(SECONDS);
  const failure = await failing;
  expect(failure.message).toContain(`did not end within ${LIMIT_S} s`);
  await expect.poll(commandLines).not.toContain(SECONDS);
});

test("a dependency of 20 GB: 422 build_failed long before the disk is full", async (context) => {
  await need(context, "python");
  const failure = await refused("hoarding", "hoards==1.0");
  expect(failure.message).toContain("wrote more than 64 MiB");
});
