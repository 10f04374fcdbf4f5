import { mkdir } from "node:fs/promises";
import { Admin } from "@platformatic/kafka";
import {
  type CutProxy,
  type KafkaServer,
  type NatsServer,
  type OwnDatabase,
  startCutProxy,
  startKafka,
  startNats,
  startOwnDatabase,
  tempDir,
} from "@hanzo-fn/testkit";
import type { ReplicaOrder } from "./order.ts";
import type { BrokerChoice } from "./plan.ts";
import { PARTITIONS, STREAM_TRIGGERS } from "./settings.ts";

/** The ways of one replica to what it needs; each can be cut on its own. */
export interface Ways {
  readonly database: string;
  readonly brokers: ReplicaOrder["brokers"];
  readonly proxies: {
    readonly database: CutProxy;
    readonly nats?: CutProxy | undefined;
    readonly kafka?: CutProxy | undefined;
  };
}

/** Everything that the replicas share, and that may fail under them. */
export interface Surroundings extends AsyncDisposable {
  readonly database: OwnDatabase;
  readonly nats: NatsServer | undefined;
  readonly kafka: KafkaServer | undefined;
  readonly brokers: ReplicaOrder["brokers"];
  /** A folder for the ledger and the blobs. */
  readonly folder: string;
  /** By slot. */
  readonly ways: readonly Ways[];
}

const DEAD_LETTERS = "dead_letter";

async function makeTopics(kafka: KafkaServer): Promise<void> {
  const admin = new Admin({ clientId: "chaos", bootstrapBrokers: [...kafka.brokers], retries: 20 });
  const topics = [...STREAM_TRIGGERS.map(({ topic }) => topic), DEAD_LETTERS];
  try {
    await admin.createTopics({ topics, partitions: PARTITIONS, replicas: 1 });
  } finally {
    await admin.close();
  }
}

/**
 * Starts the servers with a way to each of them for every replica.
 * @param keep a folder that stays; a new one that goes with them where not given
 */
export async function startSurroundings(
  broker: BrokerChoice,
  slots: number,
  keep?: string,
): Promise<Surroundings> {
  await using stack = new AsyncDisposableStack();
  const folder = keep ?? stack.use(await tempDir("hanzo-fn-chaos-")).path;
  await mkdir(folder, { recursive: true });
  const database = stack.use(await startOwnDatabase());
  const isReal = broker === "real";
  const nats = isReal ? stack.use(await startNats()) : undefined;
  const kafka = isReal
    ? stack.use(await startKafka({ proxies: slots, settings: { "group.min.session.timeout.ms": "1000" } }))
    : undefined;
  if (kafka !== undefined) await makeTopics(kafka);
  const ways: Ways[] = [];
  for (let slot = 0; slot < slots; slot++) {
    const own = await database.proxy();
    const toNats = nats && stack.use(await startCutProxy(Number(new URL(nats.url).port)));
    const toKafka = kafka?.proxies[slot];
    const brokers = toNats &&
      toKafka && { nats: `nats://127.0.0.1:${toNats.port}`, kafka: `127.0.0.1:${toKafka.port}` };
    ways.push({
      database: own.url,
      brokers,
      proxies: { database: own.proxy, nats: toNats, kafka: toKafka },
    });
  }
  const brokers = nats && kafka && { nats: nats.url, kafka: kafka.brokers[0] ?? "" };
  const kept = stack.move();
  return {
    ...{ database, nats, kafka, brokers, folder, ways },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
