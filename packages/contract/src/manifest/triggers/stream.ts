import { choice, described } from "../../document/leaves.ts";
import { once, zod } from "../../document/lazy.ts";
import type { StreamTrigger } from "../types.ts";
import { deliveryShape, kafkaName, printDelivery, readDelivery, type DeliveryFields } from "./delivery.ts";
import type { TriggerKind } from "./trigger.ts";

/** HIP-60, Stream Trigger. Defaults the text leaves open are the values of its example. */
export const stream: TriggerKind<StreamTrigger> = {
  type: "stream",
  description: "Events of a Kafka topic, always delivered as an array.",
  schema: once(() => {
    const { z } = zod();
    return z.strictObject({
      type: z.literal("stream"),
      topic: described(kafkaName("topic"), "The topic, for example `llm_usage`."),
      ...deliveryShape({
        group: kafkaName("group"),
        deadLetter: kafkaName("topic"),
        batchSize: 100,
        maxBatchWait: "10s",
      }),
      start_offset: described(
        choice(["latest", "earliest"]).prefault("latest"),
        "Where a new group starts; pinned when the trigger is created.",
      ),
      ordering: described(
        choice(["partition", "key", "none"]).prefault("partition"),
        "What waits behind a failing event: its whole partition, its key, or nothing.",
        "the standard is silent about order",
      ),
    });
  }),
  read: (fields) => ({
    type: "stream",
    topic: fields["topic"] as string,
    ...readDelivery(fields as unknown as DeliveryFields),
    startOffset: fields["start_offset"] as StreamTrigger["startOffset"],
    ordering: fields["ordering"] as StreamTrigger["ordering"],
  }),
  print: (trigger) => ({
    type: "stream",
    topic: trigger.topic,
    ...printDelivery(trigger),
    start_offset: trigger.startOffset,
    ordering: trigger.ordering,
  }),
  sourceKey: (trigger, functionName) => `${trigger.topic} ${trigger.consumerGroup ?? `fn-${functionName}`}`,
};
