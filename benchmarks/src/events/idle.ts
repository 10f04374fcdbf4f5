import { setTimeout as sleep } from "node:timers/promises";
import { parseManifest, type Trigger, triggerKey, ulid } from "@hanzo-fn/contract";
import { deployHello } from "../hello-function.ts";
import { processTree, pssBytes } from "../processes.ts";
import { makeServeHome, type ServeHome, type ServeProcess, startServe } from "../serve-process.ts";
import { atMost, round, type Row, type SuiteOptions } from "../suite.ts";
import { type Broker, startKafkaBroker, startNatsBroker } from "./broker.ts";
import type { EventsPart } from "./part.ts";
import { withStore } from "./with-store.ts";

const FUNCTION = "hello";
const ORG = "local";
const MEGABYTE = 1e6;

interface Sizes {
  readonly queues: number;
  readonly schedules: number;
  readonly streams: number;
  readonly settleMs: number;
  readonly idleMs: number;
}
const FULL: Sizes = { queues: 1000, schedules: 1000, streams: 20, settleMs: 30_000, idleMs: 30_000 };
const SMOKE: Sizes = { queues: 5, schedules: 5, streams: 2, settleMs: 2000, idleMs: 1000 };

/** As many as a manifest may have. */
const AT_ONCE = 100;

/** Triggers as manifests have them. */
function triggersOf(lines: readonly string[]): readonly Trigger[] {
  if (lines.length > AT_ONCE)
    return [...triggersOf(lines.slice(0, AT_ONCE)), ...triggersOf(lines.slice(AT_ONCE))];
  const read = parseManifest(
    `name: ${FUNCTION}\nruntime: typescript\nversion: 1.0.0\nentry: handler.handle\ntriggers:\n` +
      lines.map((line) => `  - ${line}\n`).join(""),
  );
  if (!read.ok) throw read.error;
  return read.manifest.triggers;
}

/** More than a manifest may have: written where nobody serves them yet. */
function write(home: ServeHome, triggers: readonly Trigger[]): Promise<void> {
  return withStore(home, (store) =>
    store.withTransaction(async (tx) => {
      const wanted = triggers.map((spec) => {
        return { type: spec.type, key: triggerKey(spec, FUNCTION), spec: { ...spec } as never };
      });
      const now = await tx.cronSchedules.now();
      const rows = await tx.triggers.replace(ORG, FUNCTION, wanted, () => `trg_${ulid()}`, now);
      for (const { id, type } of rows) {
        if (type !== "cron") continue;
        const schedule = { triggerId: id, org: ORG, function: FUNCTION, enabled: true, tzVersion: "none" };
        await tx.cronSchedules.ensure({ ...schedule, nextFireAt: new Date(now.getTime() + 3_600_000) });
      }
    }),
  );
}

/** Of the platform's own process: what it has, and what it uses while nothing happens. */
async function figures(
  platform: ServeProcess,
  { settleMs, idleMs }: Sizes,
  signal: AbortSignal,
): Promise<{ readonly megabytes: number; readonly percent: number }> {
  const used = (): number =>
    processTree(platform.pid).find(({ pid }) => pid === platform.pid)?.cpuSeconds ?? Number.NaN;
  await sleep(settleMs, undefined, { signal });
  const [before, began] = [used(), performance.now()];
  await sleep(idleMs, undefined, { signal });
  const percent = ((used() - before) * 1e5) / (performance.now() - began);
  return { megabytes: pssBytes(platform.pid) / MEGABYTE, percent };
}

async function idle(
  broker: Broker,
  what: string,
  { triggers, sizes }: { readonly triggers: readonly Trigger[]; readonly sizes: Sizes },
  signal: AbortSignal,
): Promise<Row> {
  await using home = await makeServeHome();
  let none: { readonly megabytes: number; readonly percent: number };
  {
    await using platform = await startServe(home, broker.config, signal);
    await deployHello(platform, home.path, FUNCTION, "typescript", signal);
    none = await figures(platform, sizes, signal);
  }
  await write(home, triggers);
  await using platform = await startServe(home, broker.config, signal);
  const many = await figures(platform, sizes, signal);
  return {
    ...{ part: "idle", what },
    core_percent: round(many.percent),
    core_percent_without: round(none.percent),
    more_mb: round(many.megabytes - none.megabytes),
  };
}

async function run(signal: AbortSignal, { smoke = false }: SuiteOptions): Promise<readonly Row[]> {
  const sizes = smoke ? SMOKE : FULL;
  const { queues, schedules, streams } = sizes;
  const rows: Row[] = [];
  {
    await using broker = await startNatsBroker();
    const lines = [
      ...Array.from(
        { length: queues },
        (_, n) => `{type: mq, source: mq.idle.q${n}, consumer_group: idle-${n}}`,
      ),
      ...Array.from({ length: schedules }, (_, n) => `{type: cron, schedule: "@yearly", payload: "${n}"}`),
    ];
    const triggers = triggersOf(lines);
    rows.push(
      await idle(broker, `${queues} mq and ${schedules} cron triggers, idle`, { triggers, sizes }, signal),
    );
  }
  await using broker = await startKafkaBroker();
  const lines: string[] = [];
  for (let n = 0; n < streams; n++) {
    await broker.prepare(`idle_${n}`);
    lines.push(`{type: stream, topic: idle_${n}}`);
  }
  const triggers = triggersOf(lines);
  rows.push(
    await idle(broker, `${streams} stream triggers of 8 partitions, idle`, { triggers, sizes }, signal),
  );
  return rows;
}

/** What triggers cost that nothing happens to. */
export const idlePart: EventsPart = {
  name: "idle",
  conditions: {
    idle: "the platform's own process over half a minute, beside the same platform without these triggers",
  },
  run,
  targets: (rows) =>
    rows.flatMap(({ what, core_percent: percent, more_mb: megabytes }) => [
      atMost(`${what}, % of a core`, 5, Number(percent)),
      atMost(`${what}, MB`, 60, Number(megabytes)),
    ]),
};
