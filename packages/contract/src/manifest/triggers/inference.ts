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
import type { TriggerKind } from "./trigger.ts";

/** HIP-60, Inference Event Trigger: a filter over the topic `llm_usage`. A filter that is absent matches all. */
export const inference: TriggerKind<InferenceTrigger> = {
  type: "inference",
  served: false,
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
    ...readDelivery(fields as unknown as DeliveryFields),
  }),
  print: (trigger) => ({
    type: "inference",
    ...(trigger.models === undefined ? {} : { models: trigger.models }),
    ...(trigger.eventTypes === undefined ? {} : { event_types: trigger.eventTypes }),
    ...(trigger.minTokens === undefined ? {} : { min_tokens: trigger.minTokens }),
    ...printDelivery(trigger),
  }),
  sourceKey: (trigger, functionName) =>
    [
      trigger.consumerGroup ?? `fn-${functionName}`,
      [...(trigger.models ?? [])].sort().join(","),
      [...(trigger.eventTypes ?? [])].sort().join(","),
      trigger.minTokens ?? "",
    ].join(" "),
};
