import type { ConsumerInfo, JetStreamManager } from "@nats-io/jetstream";
import { readEach } from "../../read-each.ts";
import type { MqLag, MqConsumer } from "../broker.ts";
import { type Ask, isNoMessage } from "./ask.ts";

/** So many of one stream are asked for one by one; for more, the consumers of the stream are listed, 256 at a time. */
const FEW = 16;

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

/** By name, those that a list of the stream has. */
async function listed(
  manager: JetStreamManager,
  stream: string,
  consumers: readonly MqConsumer[],
): Promise<Map<string, ConsumerInfo>> {
  const names = new Set(consumers.map(({ name }) => name));
  const found = new Map<string, ConsumerInfo>();
  for await (const info of manager.consumers.list(stream)) {
    if (names.has(info.name)) found.set(info.name, info);
    if (found.size === names.size) break;
  }
  return found;
}

/** See `MqBroker.lags`; what is out counts as well (events.md 4.6). */
export async function readLags(
  ask: Ask,
  now: () => number,
  consumers: readonly MqConsumer[],
  signal: AbortSignal,
): Promise<Map<MqConsumer, MqLag>> {
  const readOne = async (
    manager: JetStreamManager,
    consumer: MqConsumer,
    info: ConsumerInfo | undefined,
  ): Promise<MqLag | undefined> => {
    if (info === undefined) return undefined;
    const items = info.num_pending + info.num_ack_pending;
    const position = info.ack_floor.stream_seq;
    if (items === 0) return { items, ms: 0, position };
    const atMs = await oldestAtMs(manager, consumer, position);
    return { items, ms: atMs === undefined ? 0 : Math.max(0, now() - atMs), position };
  };
  const ofStream = async ([stream, own]: readonly [string, readonly MqConsumer[]]) =>
    ask(`read the lags of the consumers of the stream ${stream}`, signal, async ({ manager }) => {
      const list = own.length > FEW ? await listed(manager, stream, own) : undefined;
      return readEach(own, FEW, async (consumer) => {
        const { name } = consumer;
        const info = list === undefined ? await manager.consumers.info(stream, name) : list.get(name);
        return readOne(manager, consumer, info);
      });
    });
  const byStream = [...Map.groupBy(consumers, ({ stream }) => stream)];
  const read = await readEach(byStream, byStream.length, ofStream);
  return new Map([...read.values()].flatMap((lags) => [...lags]));
}
