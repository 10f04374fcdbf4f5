import type { Trigger, TriggerType } from "../types.ts";
import { cron } from "./cron.ts";
import { http } from "./http.ts";
import { inference } from "./inference.ts";
import { mq } from "./mq.ts";
import { stream } from "./stream.ts";
import type { TriggerKind } from "./trigger.ts";

/** Every trigger type, sorted by name. */
export const TRIGGER_KINDS: Readonly<Record<TriggerType, TriggerKind>> = {
  cron: cron as unknown as TriggerKind,
  http: http as unknown as TriggerKind,
  inference: inference as unknown as TriggerKind,
  mq: mq as unknown as TriggerKind,
  stream: stream as unknown as TriggerKind,
};

export function isTriggerType(value: unknown): value is TriggerType {
  return typeof value === "string" && Object.hasOwn(TRIGGER_KINDS, value);
}

/**
 * What makes a trigger the same one across redeploys, so that its position and id survive reordering and edits:
 * its type and its path, subject and group, topic and group, or schedule, zone and payload.
 */
export function triggerKey(trigger: Trigger, functionName: string): string {
  return `${trigger.type} ${TRIGGER_KINDS[trigger.type].sourceKey(trigger, functionName)}`;
}
