import { createHash } from "node:crypto";
import type { Blobs } from "@hanzo-fn/blobs";
import { ulid } from "@hanzo-fn/contract";
import type { Store } from "@hanzo-fn/store";
import { createPark, type DeadLetter, type Park } from "../delivery/index.ts";
import { dataOf, type DestinationDependencies, type Outcomes, toFailure } from "../destinations.ts";
import type { Served, TriggerKind } from "./kind.ts";
import type { Wanted } from "./plan.ts";

export interface ParkDependencies extends DestinationDependencies {
  readonly store: Pick<Store, "deadLetters">;
  readonly blobs: Pick<Blobs, "putIfAbsent">;
}

/** Longer bodies are blobs, so that rows stay short (events.md 4.0). */
const INLINE_BYTES = 256 * 1024;

/** The same for an event however often it is parked: its bytes are stored once. */
function payloadKey({ id, org }: Served, eventId: string): string {
  const digest = createHash("sha256").update(`${id} ${eventId}`).digest("hex");
  return `${org.toLowerCase()}/letters/${digest}`;
}

async function keepPayload(
  blobs: ParkDependencies["blobs"],
  trigger: Served,
  { event }: DeadLetter,
  signal: AbortSignal,
): Promise<{ readonly payload?: Buffer; readonly payloadRef?: string }> {
  if (event.body.length <= INLINE_BYTES) return { payload: event.body };
  const payloadRef = payloadKey(trigger, event.id);
  await blobs.putIfAbsent(payloadRef, event.body, { signal });
  return { payloadRef };
}

export function outcomesOf({ id, org, function: fn, spec }: Served): Outcomes {
  return { org, function: fn, trigger: { id, type: spec.type } };
}

/**
 * Parks events of one trigger: the row, where its kind has one the dead letters of its broker, and where the function
 * names one the destination of what failed.
 */
export function parkOf(
  deps: ParkDependencies,
  kind: TriggerKind,
  { trigger, destinations: { onFailure } }: Pick<Wanted, "trigger" | "destinations">,
): Park {
  const { store, blobs, clock } = deps;
  /** Letters that are kept, and not published yet. */
  const kept = new WeakMap<DeadLetter, string>();
  const toDeadLetters = kind.publishParked?.bind(kind);
  const publish = async (letter: DeadLetter, signal: AbortSignal): Promise<void> => {
    await toDeadLetters?.(trigger, letter, signal);
    if (onFailure === undefined) return;
    const data = dataOf(letter.event.body);
    await toFailure(deps, outcomesOf(trigger), { subject: onFailure, letter, data }, signal);
  };
  return createPark({
    async keep(letter, signal) {
      const { event } = letter;
      const payload = await keepPayload(blobs, trigger, letter, signal);
      const { id, published } = await store.deadLetters.keep({
        id: `dl_${ulid(clock.now())}`,
        org: trigger.org,
        function: trigger.function,
        triggerId: trigger.id,
        eventId: event.id,
        source: event.source,
        ...payload,
        json: event.json,
        headers: event.headers,
        reason: letter.reason,
        attempts: letter.attempts,
        firstFailedAt: new Date(letter.firstFailedAtMs),
        lastFailedAt: new Date(letter.lastFailedAtMs),
        status: letter.failure.status,
        error: letter.failure.error,
      });
      kept.set(letter, id);
      return { published };
    },
    ...((toDeadLetters ?? onFailure) && { publish }),
    async markPublished(letter) {
      const id = kept.get(letter);
      if (id !== undefined) await store.deadLetters.markPublished(id);
    },
  });
}
