import { createHash } from "node:crypto";
import { choice, described, integer, text } from "../../document/leaves.ts";
import { once, zod } from "../../document/lazy.ts";
import type { InferenceTrigger } from "../types.ts";
import {
  deliveryShape,
  durableName,
  mqSubject,
  printDelivery,
  readDelivery,
  type DeliveryFields,
} from "./delivery.ts";
import { eventFilter, type EventFilter, printEventFilter } from "./event-filter.ts";
import type { TriggerKind } from "./trigger.ts";

const digest = (filter: EventFilter): string =>
  createHash("sha256").update(JSON.stringify(filter)).digest("hex").slice(0, 16);

/** HIP-60, Inference Event Trigger: a filter over the topic `llm_usage`. A filter that is absent matches all. */
export const inference: TriggerKind<InferenceTrigger> = {
  type: "inference",
  description: "LLM Gateway usage events that pass a filter.",
  schema: once(() => {
    const { z } = zod();
    const model = text({ pattern: /^\S+$/, rule: "must be a model name without spaces", max: 200 });
    return z.strictObject({
      type: z.literal("inference"),
      models: described(z.array(model).min(1), "Only events of these models.").optional(),
      event_types: described(
        z.array(choice(["completed", "failed"])).min(1),
        "Only events with these outcomes.",
      ).optional(),
      min_tokens: described(
        integer(0, 1_000_000_000),
        "Only events with at least this many tokens.",
      ).optional(),
      filter: described(
        eventFilter(),
        "Only events that this tree of conditions holds for: fields of the event with `eq`, `in`, `prefix`, `gt`, `gte`, `lt`, `lte` or `exists`, and `and`, `or`, `not`. A plain value is short for `eq`; several in one map are all asked for.",
        "the standard filters by model, outcome and tokens only",
      ).optional(),
      ...deliveryShape({
        group: durableName(),
        deadLetter: mqSubject(false),
        batchSize: 1,
        maxBatchWait: "5s",
      }),
    });
  }),
  read: (fields) => ({
    type: "inference",
    ...(fields["models"] === undefined ? {} : { models: fields["models"] as string[] }),
    ...(fields["event_types"] === undefined
      ? {}
      : { eventTypes: fields["event_types"] as ("completed" | "failed")[] }),
    ...(fields["min_tokens"] === undefined ? {} : { minTokens: fields["min_tokens"] as number }),
    ...(fields["filter"] === undefined ? {} : { filter: fields["filter"] as EventFilter }),
    ...readDelivery(fields as unknown as DeliveryFields),
  }),
  print: (trigger) => ({
    type: "inference",
    ...(trigger.models === undefined ? {} : { models: trigger.models }),
    ...(trigger.eventTypes === undefined ? {} : { event_types: trigger.eventTypes }),
    ...(trigger.minTokens === undefined ? {} : { min_tokens: trigger.minTokens }),
    ...(trigger.filter === undefined ? {} : { filter: printEventFilter(trigger.filter) }),
    ...printDelivery(trigger),
  }),
  sourceKey: (trigger, functionName) =>
    [
      trigger.consumerGroup ?? `fn-${functionName}`,
      [...(trigger.models ?? [])].sort().join(","),
      [...(trigger.eventTypes ?? [])].sort().join(","),
      trigger.minTokens ?? "",
      ...(trigger.filter === undefined ? [] : [digest(trigger.filter)]),
    ].join(" "),
};
