import { checkKafkaMessage, type Message, type Published, type Publisher } from "@hanzo-fn/brokers";
import { PlatformError } from "@hanzo-fn/contract";
import { abortable } from "@hanzo-fn/lifecycle";
import type { NewStreamRecord, StreamLogQueries, StreamPlace } from "@hanzo-fn/store";
import { createHash } from "node:crypto";
import { NEW_TOPIC } from "./new-topic.ts";

/** Messages of one append. */
const MAX_BATCH = 500;
/** As Kafka's brokers have it. */
const MAX_BYTES = 1024 * 1024;

interface Waiting {
  readonly record: NewStreamRecord;
  resolve(place: StreamPlace): void;
  reject(error: unknown): void;
}

function slotOf(key: string | undefined, next: () => number): number {
  if (key === undefined) return next();
  return createHash("sha256").update(key).digest().readUInt32BE(0);
}

function tooLarge({ target }: Message): PlatformError {
  return new PlatformError("payload_too_large", `the message is larger than ${target} takes`, {
    component: "trigger-manager",
    next: `Send at most ${MAX_BYTES} bytes.`,
  });
}

/**
 * Publishes to topics of the platform's own database; a topic is made by its first message. What comes while an
 * append is under way goes into the next one, so that a busy topic costs one transaction for many messages.
 */
export function createEmbeddedPublisher(deps: { readonly log: StreamLogQueries }): Publisher {
  const { log } = deps;
  const queues = new Map<string, Waiting[]>();
  const running = new Set<Promise<void>>();
  let turn = 0;
  let closed = false;

  const append = async (topic: string, batch: readonly Waiting[]): Promise<void> => {
    const records = batch.map(({ record }) => record);
    try {
      let places = await log.append(topic, records);
      if (places === undefined) {
        await log.makeTopic({ name: topic, ...NEW_TOPIC });
        places = await log.append(topic, records);
      }
      if (places === undefined) throw new Error(`the topic ${topic} was deleted`);
      for (const [i, waiting] of batch.entries()) waiting.resolve(places[i] as StreamPlace);
      // Without it readers look a little later by themselves.
      await log.notify(topic).catch(() => {});
    } catch (error) {
      for (const waiting of batch) waiting.reject(error);
    }
  };
  const drain = async (topic: string, queue: Waiting[]): Promise<void> => {
    while (queue.length > 0) await append(topic, queue.splice(0, MAX_BATCH));
    queues.delete(topic);
  };
  const enqueue = (topic: string, record: NewStreamRecord): Promise<StreamPlace> => {
    const { promise, resolve, reject } = Promise.withResolvers<StreamPlace>();
    const queue = queues.get(topic);
    if (queue !== undefined) {
      queue.push({ record, resolve, reject });
      return promise;
    }
    const fresh: Waiting[] = [{ record, resolve, reject }];
    queues.set(topic, fresh);
    // A moment later, so that what is published at once goes together.
    const work = Promise.resolve()
      .then(() => drain(topic, fresh))
      .finally(() => running.delete(work));
    running.add(work);
    return promise;
  };
  const publish = async (message: Message, signal: AbortSignal): Promise<Published> => {
    signal.throwIfAborted();
    if (closed)
      throw new PlatformError("unavailable", "the publisher is closed", { component: "trigger-manager" });
    checkKafkaMessage(message);
    const { target, id, key, body, headers } = message;
    if (body.byteLength > MAX_BYTES) throw tooLarge(message);
    const record: NewStreamRecord = {
      slot: slotOf(key, () => turn++),
      key: key === undefined ? null : Buffer.from(key),
      value: body,
      headers: { ...headers, id },
    };
    const { partition, offset } = await abortable(enqueue(target, record), signal);
    return { place: `${target}/${partition}@${offset}`, duplicate: false };
  };
  return {
    publish,
    async close() {
      closed = true;
      await Promise.all(running);
    },
  };
}
