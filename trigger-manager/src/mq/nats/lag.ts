import type { JetStreamManager } from "@nats-io/jetstream";
import type { MqLag, MqConsumer } from "../broker.ts";
import { type Ask, isNoMessage } from "./ask.ts";

/** When the oldest event was published that is not done; undefined where there is none (any more). */
async function oldestAtMs(
  manager: JetStreamManager,
  { stream, subject }: MqConsumer,
  floor: number,
): Promise<number | undefined> {
  try {
    // The first one of the subject at or after the place.
    const query = { seq: floor + 1, next_by_subj: subject };
    const message = await manager.streams.getMessage(stream, query);
    return message?.time.getTime();
  } catch (error) {
    if (isNoMessage(error)) return undefined;
    throw error;
  }
}

/** See `MqBroker.lag`; what is out counts as well (events.md 4.6). */
export function readLag(
  ask: Ask,
  now: () => number,
  consumer: MqConsumer,
  signal: AbortSignal,
): Promise<MqLag> {
  const { stream, name } = consumer;
  return ask(`read the lag of the consumer ${name} of the stream ${stream}`, signal, async ({ manager }) => {
    const info = await manager.consumers.info(stream, name);
    const items = info.num_pending + info.num_ack_pending;
    const position = info.ack_floor.stream_seq;
    if (items === 0) return { items, ms: 0, position };
    const atMs = await oldestAtMs(manager, consumer, position);
    return { items, ms: atMs === undefined ? 0 : Math.max(0, now() - atMs), position };
  });
}
