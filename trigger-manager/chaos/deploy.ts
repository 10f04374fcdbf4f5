import { triggerKey, ulid } from "@hanzo-fn/contract";
import type { Store, TriggerRow } from "@hanzo-fn/store";
import { createCronTimes } from "../src/cron/times.ts";
import type { openBrokers } from "./parts.ts";
import {
  CRON_TRIGGERS,
  FUNCTION,
  MQ_TRIGGERS,
  ORG,
  RESOURCES,
  SCALING,
  STREAM_TRIGGERS,
} from "./settings.ts";

export interface DeployedSchedule {
  readonly triggerId: string;
  readonly firstAt: Date;
}

export interface Deployed {
  readonly triggers: readonly TriggerRow[];
  readonly schedules: readonly DeployedSchedule[];
}

/** One function with every trigger of the run, as a deploy leaves it behind. */
export async function deploy(
  store: Store,
  brokers: Pick<ReturnType<typeof openBrokers>, "mq" | "stream">,
  signal: AbortSignal,
): Promise<Deployed> {
  const prepared = {
    mq: await brokers.mq.prepare?.(ORG, FUNCTION, MQ_TRIGGERS, signal),
    stream: await brokers.stream.prepare?.(ORG, FUNCTION, STREAM_TRIGGERS, signal),
  };
  const now = new Date();
  const specs = [...CRON_TRIGGERS, ...MQ_TRIGGERS, ...STREAM_TRIGGERS];
  const times = createCronTimes();
  return store.withTransaction(async (tx) => {
    const fn = { org: ORG, name: FUNCTION, manifest: {}, description: "", scaling: SCALING, network: {} };
    await tx.functions.insert({ ...fn, trafficMode: "latest" }, now);
    const code = { sourceDigest: "d", version: "1", runtime: "python", entry: "handler.run" };
    const revision = { org: ORG, function: FUNCTION, number: 1, identity: "i", ...code };
    await tx.revisions.insert({ ...revision, resources: RESOURCES, environment: {}, secrets: {} }, now);
    await tx.revisions.setTraffic(ORG, FUNCTION, new Map([[1, 100]]), now);
    const rows = await tx.triggers.replace(
      ORG,
      FUNCTION,
      specs.map((spec) => {
        return { type: spec.type, key: triggerKey(spec, FUNCTION), spec: { ...spec } as never };
      }),
      () => `trg_${ulid()}`,
      now,
    );
    const from = await tx.cronSchedules.now();
    const schedules = CRON_TRIGGERS.map((spec, i) => {
      const firstAt = times.next(spec, from);
      if (firstAt === undefined) throw new RangeError("the schedule has a next time");
      return { triggerId: rows[i]?.id ?? "", firstAt };
    });
    for (const { triggerId, firstAt } of schedules) {
      const owner = { triggerId, org: ORG, function: FUNCTION };
      await tx.cronSchedules.ensure({
        ...owner,
        enabled: true,
        nextFireAt: firstAt,
        tzVersion: times.tzVersion,
      });
    }
    for (const [type, write] of Object.entries(prepared))
      await write?.(
        tx,
        rows.filter((row) => row.type === type),
      );
    await tx.notifyChange(ORG, FUNCTION);
    return { triggers: rows, schedules };
  });
}
