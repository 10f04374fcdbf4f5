/** "Bad input to survive": what happens to the platform itself. */
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { open, readFile, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePort, tempDir, waitFor } from "@hanzo-fn/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { expectError, expectGood, upload } from "./support/deploys.ts";
import { deployFunction, manifestText, NEIGHBOUR } from "./support/functions.ts";
import { withNeighbour } from "./support/neighbour.ts";
import { type CliResult, startPlatform, type TestPlatform } from "./support/platform.ts";

const execute = promisify(execFile);

let platform: TestPlatform;
beforeAll(async () => {
  platform = await startPlatform();
  await deployFunction(platform, NEIGHBOUR);
});
afterAll(() => platform[Symbol.asyncDispose]());

interface Ports {
  readonly api: number;
  readonly invoke: number;
  readonly metrics: number;
}

/** `hanzo-fn serve` that is expected to give up; a SIGINT ends it after 60 s if it does not. */
async function serveInVain(dataDir: string, taken: Partial<Ports> = {}): Promise<CliResult> {
  const ports = { api: await freePort(), invoke: await freePort(), metrics: await freePort(), ...taken };
  const flags = Object.entries(ports).flatMap(([name, port]) => [`--${name}-port`, String(port)]);
  return platform.cli(["serve", "--no-context", "--data-dir", dataDir, ...flags], {
    signal: AbortSignal.timeout(60_000),
  });
}

/** Exit code of a conflict, as docs/cli.md has it. */
const CONFLICT = 5;

for (const plane of ["api", "invoke", "metrics"] as const) {
  test(`port taken: serve whose ${plane} port another process has exits with a conflict that names it`, async () => {
    await using dir = await tempDir("hfn-taken-");
    await using other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as AddressInfo;
    await withNeighbour(platform, async () => {
      const result = await serveInVain(dir.path, { [plane]: port });
      expect([result.code, result.stderr]).toEqual([CONFLICT, expect.stringContaining(`port ${port}`)]);
      expect(result.stderr).toContain("next: ");
      await expectGood(platform, `after-${plane}`);
    });
  });
}

test("two serve on one data directory: the second exits with a conflict that names the first, which goes on", async () => {
  await withNeighbour(platform, async () => {
    const result = await serveInVain(platform.dataDir);
    expect([result.code, result.stderr]).toEqual([
      CONFLICT,
      expect.stringContaining(`in use by process ${platform.process.pid}`),
    ]);
    expect(result.stderr).toContain("next: ");
    await expectGood(platform, "after-two");
  });
});

test("database gone and back: calls go on, the API answers 503 database_unavailable, and then by itself again", async () => {
  await withNeighbour(platform, async () => {
    const pidFile = join(platform.dataDir, "postgres", "data", "postmaster.pid");
    process.kill(Number((await readFile(pidFile, "utf8")).split("\n")[0]), "SIGKILL");
    const away = await waitFor(
      "the API to notice",
      async () => {
        const answer = await platform.fetchApi("/v1/functions");
        const text = await answer.text();
        return answer.status !== 200 && { status: answer.status, headers: answer.headers, text };
      },
      { everyMs: 2 },
    );
    expectError(away, 503, "database_unavailable");
    expect(Number(away.headers.get("retry-after"))).toBeGreaterThan(0);
    await waitFor("the database to be back", async () => (await platform.fetchApi("/v1/functions")).ok, {
      timeoutMs: 60_000,
    });
    await expectGood(platform, "after-database");
    expect((await platform.fetchApi(`/v1/functions/${NEIGHBOUR.name}`)).status).toBe(200);
  });
});

test("disk full: 507 storage_full while calls go on; with space again the next deploy works", async (context) => {
  await using dir = await tempDir("hfn-full-");
  const mounted = await execute("mount", ["-t", "tmpfs", "-o", "size=512m,mode=711", "tmpfs", dir.path]).then(
    () => true,
    () => false,
  );
  if (!mounted) context.skip("needs root to mount a small file system");
  try {
    await using small = await startPlatform({ dataDir: dir.path });
    await deployFunction(small, NEIGHBOUR);
    await withNeighbour(small, async () => {
      const filler = join(dir.path, "filler");
      await fill(filler);
      const manifest = manifestText({ name: "large", runtime: "typescript", code: "" });
      const files = { "handler.ts": "export const handle = () => 1;\n", "data.bin": randomBytes(4 << 20) };
      expectError(await upload(small, manifest, files), 507, "storage_full");
      const listed = await small.fetchApi("/v1/functions/large");
      expect(listed.status).toBe(404);
      await rm(filler);
      await expectGood(small, "large");
    });
  } finally {
    await execute("umount", ["--lazy", dir.path]);
  }
});

/** Writes until the file system has no room left. */
async function fill(path: string): Promise<void> {
  await using file = await open(path, "w");
  for (const size of [1 << 20, 4096]) {
    const block = Buffer.alloc(size, 1);
    for (;;) {
      const full = await file.write(block).then(
        ({ bytesWritten }) => bytesWritten < size,
        (error: NodeJS.ErrnoException) => {
          if (error.code !== "ENOSPC") throw error;
          return true;
        },
      );
      if (full) break;
    }
  }
}
