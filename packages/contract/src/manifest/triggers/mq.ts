import { choice, described } from "../../document/leaves.ts";
import { once, zod } from "../../document/lazy.ts";
import type { MqTrigger } from "../types.ts";
import {
  deliveryShape,
  durableName,
  mqSubject,
  printDelivery,
  readDelivery,
  type DeliveryFields,
} from "./delivery.ts";
import type { TriggerKind } from "./trigger.ts";

/** HIP-60, MQ Trigger. */
export const mq: TriggerKind<MqTrigger> = {
  type: "mq",
  description: "A message on a NATS JetStream subject.",
  schema: once(() => {
    const { z } = zod();
    return z.strictObject({
      type: z.literal("mq"),
      source: described(mqSubject(true), "The subject, for example `mq.batch.embeddings`."),
      ...deliveryShape({
        group: durableName(),
        deadLetter: mqSubject(false),
        batchSize: 1,
        maxBatchWait: "5s",
      }),
      ordering: described(
        choice(["none", "subject", "strict"]).prefault("none"),
        "`subject` keeps the order of each subject, `strict` that of the whole queue.",
        "the standard is silent about order",
      ),
    });
  }),
  read: (fields) => ({
    type: "mq",
    source: fields["source"] as string,
    ...readDelivery(fields as unknown as DeliveryFields),
    ordering: fields["ordering"] as MqTrigger["ordering"],
  }),
  print: (trigger) => ({
    type: "mq",
    source: trigger.source,
    ...printDelivery(trigger),
    ordering: trigger.ordering,
  }),
  sourceKey: (trigger, functionName) => `${trigger.source} ${trigger.consumerGroup ?? `fn-${functionName}`}`,
};
