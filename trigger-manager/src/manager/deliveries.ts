import type { Blobs } from "@hanzo-fn/blobs";
import type { Identity } from "@hanzo-fn/contract";
import type { Clock } from "@hanzo-fn/lifecycle";
import type { Store } from "@hanzo-fn/store";
import type { Logger } from "@hanzo-fn/telemetry";
import {
  type Budget,
  createDelivery,
  createInvoke,
  type Delivery,
  type InvokeDependencies,
} from "../delivery/index.ts";
import type { TriggerKind } from "./kind.ts";
import { ANSWER_BYTES as MESSAGE_BYTES, type DestinationDependencies, toSuccess } from "../destinations.ts";
import { outcomesOf, parkOf } from "./letters.ts";
import type { TriggerMetrics } from "./metrics.ts";
import type { Notes } from "./notes.ts";
import type { Kinds, Wanted } from "./plan.ts";

export interface DeliveriesDependencies extends Pick<DestinationDependencies, "publishers"> {
  readonly store: Pick<Store, "deadLetters">;
  /** Where long bodies of dead letters are kept. */
  readonly blobs: Pick<Blobs, "putIfAbsent">;
  readonly kinds: Kinds;
  /** The proxy's phases of a call, in process. */
  readonly invoke: InvokeDependencies["invoke"];
  /** Instances that can take a call, of these revisions; undefined where that is not known. */
  readonly ready: (org: string, functionName: string, revisions: readonly number[]) => number | undefined;
  readonly budget: Budget;
  readonly clock: Clock;
  readonly log: Logger;
  readonly notes: Pick<Notes, "add">;
  readonly metrics: TriggerMetrics;
}

export interface Opened {
  readonly wanted: Wanted;
  readonly delivery: Delivery;
  /** Drains within the grace; resolves when nothing of it is left. */
  close(graceMs: number): Promise<void>;
}

/** So much of an answer is kept that nobody reads but for its first words. */
const ANSWER_BYTES = 16_384;
/** An answer may name each item of a batch. */
const BATCH_ANSWER_BYTES = 6 * 1024 * 1024;

function identityOf(org: string): Identity {
  return {
    kind: "platform",
    org,
    subject: "trigger-manager",
    limitKey: "",
    permissions: new Set(["functions:invoke"]),
    expiresAtMs: Number.POSITIVE_INFINITY,
  };
}

function answerBytes({ destinations: { onSuccess }, trigger: { spec } }: Wanted): number {
  const batch = spec.type !== "cron" && spec.partialResponse ? BATCH_ANSWER_BYTES : ANSWER_BYTES;
  return onSuccess === undefined ? batch : Math.max(batch, MESSAGE_BYTES);
}

function invokeOf({ invoke }: DeliveriesDependencies, wanted: Wanted) {
  const { org, function: fn, id, spec } = wanted.trigger;
  const batch = spec.type === "cron" ? undefined : spec;
  return createInvoke(
    { invoke, identity: identityOf(org) },
    {
      function: fn,
      trigger: { id, type: spec.type },
      // Records of a stream come as a list, also where there is one (HIP-60).
      batch: batch !== undefined && (spec.type === "stream" || batch.batchSize > 1 || batch.partialResponse),
      answerBytes: answerBytes(wanted),
    },
  );
}

/** Opens the source of a trigger and begins to deliver. Rejects where the source cannot be opened. */
export async function openDelivery(
  deps: DeliveriesDependencies,
  wanted: Wanted,
  signal: AbortSignal,
): Promise<Opened> {
  const { clock, notes, metrics, log } = deps;
  const { trigger, settings, serving, destinations } = wanted;
  const { onSuccess } = destinations;
  const { id, org, function: fn } = trigger;
  const kind = deps.kinds.get(trigger.spec.type) as TriggerKind;
  const source = await kind.open(trigger, signal);
  const delivery = createDelivery(
    id,
    {
      source,
      invoke: invokeOf(deps, wanted),
      park: parkOf(deps, kind, wanted),
      succeeded: onSuccess === undefined ? undefined : toSuccess(deps, outcomesOf(trigger), onSuccess),
      budget: deps.budget,
      clock,
      log: log.child({ org_id: org, function: fn }),
      ready: () => deps.ready(org, fn, serving),
      observer: {
        call({ verdict, failure }) {
          metrics.call(trigger, verdict);
          if (verdict === "cut") return;
          const wasSeen = verdict !== "not_delivered" && verdict !== "refused";
          const lastError = failure?.error ?? null;
          notes.add({ id, lastError, ...(wasSeen && { lastFiredAt: new Date(clock.now()) }) });
        },
        parked: ({ reason }) => metrics.parked(trigger, reason),
      },
    },
    settings,
  );
  await delivery.start(signal);
  return {
    wanted,
    delivery,
    async close(graceMs) {
      await delivery.stop(graceMs);
      await kind.close?.(trigger);
    },
  };
}
