/**
 * kill -9 during deploys, at seeded times or with the first answer. CRASH_POINTS sets how many (default 12; the long
 * tier runs 200), CRASH_SEED the seed. Every answered deploy is there byte for byte and callable; every unanswered one
 * is wholly there or wholly absent; after collection no blob is an orphan.
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openDiskBlobs, sourceKey } from "@hanzo-fn/blobs";
import { sweepOnce } from "@hanzo-fn/cli";
import { systemClock } from "@hanzo-fn/lifecycle";
import { openStore } from "@hanzo-fn/store";
import { silentLogger } from "@hanzo-fn/telemetry";
import { seeded, tempDir } from "@hanzo-fn/testkit";
import { expect, test } from "vitest";
import { startPlatform, type TestPlatform } from "./support/platform.ts";
import { uploadForm } from "./support/upload.ts";

const POINTS = Number(process.env["CRASH_POINTS"] ?? 12);
const SEED = Number(process.env["CRASH_SEED"] ?? 20_260_101);

interface Attempt {
  readonly name: string;
  /** SHA-256 of the data file that the handler reads. */
  readonly digest: string;
  readonly answered: boolean;
}

const HANDLER =
  'import { createHash } from "node:crypto";\nimport { readFileSync } from "node:fs";\n' +
  'const digest = createHash("sha256").update(readFileSync(new URL("./data.bin", import.meta.url))).digest("hex");\n' +
  "export const handle = () => ({ digest });\n";

function manifest(name: string): string {
  return `name: ${name}\nruntime: typescript\nversion: 1.0.0\nentry: handler.handle\ntriggers:\n  - type: http\n    path: /v1/functions/${name}\n`;
}

async function deployUntilKilled(platform: TestPlatform, name: string, data: Buffer): Promise<Attempt> {
  const digest = createHash("sha256").update(data).digest("hex");
  const body = await uploadForm(manifest(name), { "handler.ts": HANDLER, "data.bin": data });
  const answered = await platform
    .fetchApi("/v1/functions?update=true", { method: "POST", body })
    .then((answer) => answer.status === 201)
    .catch(() => false);
  return { name, digest, answered };
}

/** The state of the function's newest revision, waiting until it has one; undefined where there is no such function. */
async function stateOf(platform: TestPlatform, name: string): Promise<string | undefined> {
  const found = await platform.fetchApi(`/v1/functions/${name}`);
  if (found.status === 404) return undefined;
  const detail = (await found.json()) as { latest_revision: string };
  const path = `/v1/functions/${name}/revisions/${detail.latest_revision}?wait=30s`;
  const revision = (await (await platform.fetchApi(path)).json()) as { state: string };
  return revision.state;
}

/** What the function answers now, by its newest revision; undefined where it does not exist. */
async function servedDigest(platform: TestPlatform, name: string): Promise<string | undefined> {
  const state = await stateOf(platform, name);
  if (state === undefined) return undefined;
  expect(state, name).toBe("ready");
  const answer = await platform.fetchInvoke(`/v1/functions/${name}/invoke`, { method: "POST" });
  const text = await answer.text();
  expect([answer.status, text], name).toEqual([200, expect.any(String)]);
  return (JSON.parse(text) as { digest: string }).digest;
}

/** Of each name, all at once. */
async function ofAll<T>(
  names: Iterable<string>,
  read: (name: string) => Promise<T>,
): Promise<Map<string, T>> {
  return new Map(await Promise.all(Array.from(names, async (name) => [name, await read(name)] as const)));
}

async function orphans(dataDir: string): Promise<string[]> {
  const store = await openStore({
    database: { embedded: { dataDir } },
    log: silentLogger,
    clock: systemClock,
  });
  try {
    const blobs = await openDiskBlobs({ directory: join(dataDir, "blobs") });
    const parts = {
      store,
      blobs,
      collectBuilds: () => Promise.resolve(),
      clock: systemClock,
      log: silentLogger,
    };
    await sweepOnce(parts, 0, AbortSignal.timeout(60_000));
    const referenced = new Set((await store.referencedBlobs()).map(({ org, ref }) => sourceKey(org, ref)));
    const left: string[] = [];
    const kept = new Set<string>();
    for await (const { key } of blobs.list("")) {
      kept.add(key);
      if (!referenced.has(key)) left.push(key);
    }
    for (const key of referenced) expect(kept).toContain(key);
    return left;
  } finally {
    await store.close();
  }
}

test(
  `${POINTS} kill -9 points: nothing answered is lost, nothing half is visible, no blob is an orphan`,
  async () => {
    const random = seeded(SEED);
    await using data = await tempDir("hfn-crash-");
    /** Digest that a function must, or may, serve. */
    const certain = new Map<string, string>();
    let answered = 0;
    let platform = await startPlatform({ dataDir: data.path });
    for (let point = 0; point < POINTS; point++) {
      const attempts: Promise<Attempt>[] = [];
      for (let i = 0; i < 3; i++) {
        const name = `f${Math.floor(random() * 8)}x${i}`;
        const bytes = Buffer.alloc(1 + Math.floor(random() * 200_000), `${point}/${i}/${random()}`);
        attempts.push(deployUntilKilled(platform, name, bytes));
      }
      const delay = sleep(random() * 250);
      // Every third kill comes with the first answer: however slow the machine, some are answered and some are cut.
      await (point % 3 === 2 ? Promise.race(attempts) : delay);
      await platform.kill();
      await platform[Symbol.asyncDispose]();
      const results = await Promise.all(attempts);
      platform = await startPlatform({ dataDir: data.path });
      const served = await ofAll(new Set(results.map(({ name }) => name)), (name) =>
        servedDigest(platform, name),
      );
      for (const { name, digest, answered: sure } of results) {
        const now = served.get(name);
        const before = certain.get(name);
        if (sure) expect([point, name, now]).toEqual([point, name, digest]);
        else expect([point, name, [digest, before]]).toEqual([point, name, expect.arrayContaining([now])]);
        if (now !== undefined) certain.set(name, now);
        if (sure) answered++;
      }
      // A call starts a process: those that nobody touched are called at every tenth point and at the last.
      if (point % 10 === 9 || point === POINTS - 1) {
        const allServed = await ofAll(certain.keys(), (name) => servedDigest(platform, name));
        expect([point, allServed]).toEqual([point, certain]);
      } else {
        for (const [name, state] of await ofAll(certain.keys(), (one) => stateOf(platform, one)))
          expect([point, name, state]).toEqual([point, name, "ready"]);
      }
    }
    await platform.stop();
    expect(await orphans(data.path)).toEqual([]);
    // A run in which no deploy was ever answered, or none ever cut, would prove nothing.
    expect(answered).toBeGreaterThan(0);
    expect(answered).toBeLessThan(POINTS * 3);
  },
  POINTS * 20_000,
);
