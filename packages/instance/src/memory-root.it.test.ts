import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { onTestFinished, expect, it } from "vitest";
import { closeMemoryRoot, openMemoryRoot, ownerOf } from "./memory-root.ts";

const SOURCE = new URL("./memory-root.ts", import.meta.url).href;

/** A process that has opened a group, at that time by the clock or at once, and idles. */
async function platform(atMs = 0): Promise<{ readonly root: string; kill(): Promise<void> }> {
  const code = `import { openMemoryRoot } from "${SOURCE}"; while (Date.now() < ${atMs}); console.log(openMemoryRoot()?.root ?? ""); setInterval(() => {}, 1e6);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", code], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  };
  onTestFinished(kill);
  const ended = once(child, "exit").then(([status]) => Promise.reject(new Error(`it ended with ${status}`)));
  const [line] = (await Promise.race([once(child.stdout, "data"), ended])) as [Buffer];
  ended.catch(() => {});
  return { root: line.toString().trim(), kill };
}

it("removes the groups of platforms that were killed, and none of a platform that is idle", async (ctx) => {
  const mine = openMemoryRoot();
  if (mine === undefined) return ctx.skip("no memory hierarchy is writable");
  onTestFinished(() => closeMemoryRoot(mine.root));
  const [killed, idle] = await Promise.all([platform(), platform()]);
  onTestFinished(() => closeMemoryRoot(idle.root));
  expect(ownerOf(killed.root.split("/").at(-1) ?? "")).toBeDefined();
  mkdirSync(join(killed.root, "an-instance"));
  await killed.kill();
  expect(existsSync(killed.root)).toBe(true);
  const strange = join(dirname(mine.root), `hanzo-fn-of-somebody-${process.pid}`);
  mkdirSync(strange);
  onTestFinished(() => closeMemoryRoot(strange));
  const next = openMemoryRoot();
  onTestFinished(() => closeMemoryRoot(next?.root ?? ""));
  const there = [killed.root, idle.root, mine.root, strange].map((dir) => existsSync(dir));
  expect(there).toEqual([false, true, true, true]);
  return undefined;
});

it("a group whose pid has been given to another process since is nobody's", async (ctx) => {
  const mine = openMemoryRoot();
  if (mine === undefined) return ctx.skip("no memory hierarchy is writable");
  onTestFinished(() => closeMemoryRoot(mine.root));
  const { namespace, pid, startTime } = ownerOf(mine.root.split("/").at(-1) ?? "")!;
  const older = join(dirname(mine.root), `hanzo-fn-${namespace}-${pid}-${Number(startTime) - 1}-00`);
  const elsewhere = join(dirname(mine.root), `hanzo-fn-1${namespace}-${pid}-${Number(startTime) - 1}-00`);
  for (const dir of [older, elsewhere]) {
    mkdirSync(dir);
    onTestFinished(() => closeMemoryRoot(dir));
  }
  const next = openMemoryRoot();
  onTestFinished(() => closeMemoryRoot(next?.root ?? ""));
  expect([older, elsewhere].map((dir) => existsSync(dir))).toEqual([false, true]);
  return undefined;
});

it("platforms that start together remove the same groups, and each has its own", async (ctx) => {
  const mine = openMemoryRoot();
  if (mine === undefined) return ctx.skip("no memory hierarchy is writable");
  onTestFinished(() => closeMemoryRoot(mine.root));
  const { namespace, pid, startTime } = ownerOf(mine.root.split("/").at(-1) ?? "")!;
  const dead = Array.from({ length: 300 }, (_, n) =>
    join(dirname(mine.root), `hanzo-fn-${namespace}-${pid}-${Number(startTime) - 1}-${n.toString(16)}`),
  );
  for (const dir of dead) mkdirSync(dir);
  onTestFinished(() => dead.forEach(closeMemoryRoot));
  const atMs = Date.now() + 1500;
  const platforms = await Promise.all(Array.from({ length: 4 }, () => platform(atMs)));
  for (const { root } of platforms) onTestFinished(() => closeMemoryRoot(root));
  expect(new Set(platforms.map(({ root }) => root)).size).toBe(4);
  expect(dead.filter((dir) => existsSync(dir))).toEqual([]);
  return undefined;
});
