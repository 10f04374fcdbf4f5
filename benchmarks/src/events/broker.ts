import { createKafkaPublisher, createNatsPublisher, type Publisher } from "@hanzo-fn/brokers";
import { systemClock } from "@hanzo-fn/lifecycle";
import { startKafka, startNats } from "@hanzo-fn/testkit";
import { AckPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { Admin, Consumer } from "@platformatic/kafka";

/** A real broker that the benchmark started, its own client, and how a platform reaches it. */
export interface Broker extends AsyncDisposable {
  readonly name: string;
  /** The text of config.yaml. */
  readonly config: string;
  readonly publisher: Publisher;
  /** A topic of 8 partitions; for queues nothing is to be made. */
  prepare(target: string): Promise<void>;
  /** Reads and acknowledges with the broker's own client what was published, and what will be, until it is disposed of. */
  read(target: string, onMessage: (body: Uint8Array) => void): Promise<AsyncDisposable>;
}

const PARTITIONS = 8;

/** The stream of HIP-55, with room for a benchmark. */
async function natsStream(url: string) {
  const connection = await connect({ servers: url });
  const manager = await jetstreamManager(connection);
  await manager.streams.add({
    name: "HANZO_MQ",
    subjects: ["mq.>"],
    retention: "workqueue",
    storage: "file",
  });
  return { connection, manager };
}

export async function startNatsBroker(): Promise<Broker> {
  const stack = new AsyncDisposableStack();
  const nats = stack.use(await startNats());
  const { connection, manager } = await natsStream(nats.url);
  stack.defer(() => connection.close());
  const publisher = createNatsPublisher(
    { clock: systemClock },
    { servers: [nats.url], stream: "HANZO_MQ", name: "benchmark" },
  );
  stack.defer(() => publisher.close());
  return {
    name: "NATS JetStream",
    config: `triggers:\n  nats:\n    url: ${nats.url}\n`,
    publisher,
    prepare: () => Promise.resolve(),
    async read(target, onMessage) {
      await manager.consumers.add("HANZO_MQ", {
        ...{
          durable_name: "own",
          filter_subject: target,
          ack_policy: AckPolicy.Explicit,
          max_ack_pending: 2000,
        },
      });
      const consumer = await jetstream(connection).consumers.get("HANZO_MQ", "own");
      const messages = await consumer.consume({ max_messages: 1000 });
      const reading = (async () => {
        for await (const message of messages) {
          message.ack();
          onMessage(message.data);
        }
      })();
      return {
        async [Symbol.asyncDispose]() {
          await messages.close();
          await reading;
          await manager.consumers.delete("HANZO_MQ", "own");
        },
      };
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

export async function startKafkaBroker(): Promise<Broker> {
  const stack = new AsyncDisposableStack();
  const kafka = stack.use(await startKafka());
  const client = { clientId: "benchmark", bootstrapBrokers: [...kafka.brokers] };
  const admin = new Admin(client);
  stack.defer(() => admin.close());
  const publisher = createKafkaPublisher({ clock: systemClock }, { brokers: kafka.brokers });
  stack.defer(() => publisher.close());
  return {
    name: "Apache Kafka",
    config: `triggers:\n  kafka:\n    brokers: [${kafka.brokers.map((one) => JSON.stringify(one)).join(", ")}]\n`,
    publisher,
    async prepare(target) {
      await admin.createTopics({ topics: [target], partitions: PARTITIONS, replicas: 1 });
    },
    async read(target, onMessage) {
      const consumer = new Consumer({ ...client, groupId: `own-${target}`, minBytes: 1, maxWaitTime: 100 });
      const stream = await consumer.consume({ topics: [target], mode: "earliest", autocommit: 1000 });
      const reading = (async () => {
        for await (const { value } of stream) onMessage(value ?? Buffer.alloc(0));
      })();
      return {
        async [Symbol.asyncDispose]() {
          await consumer.close(true);
          await reading;
        },
      };
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

const IN_FLIGHT = 2000;

/** Publishes so many events of about 200 bytes as a function's `ctx.publish` does; keys go round. */
export async function fill(
  broker: Broker,
  target: string,
  count: number,
  signal: AbortSignal,
): Promise<void> {
  const text = "x".repeat(100);
  const isQueue = target.startsWith("mq.");
  // Its own ids for every backlog: a broker drops those that it has seen a moment ago.
  const backlog = `${target}-${Date.now()}`;
  let next = 0;
  const work = async (): Promise<void> => {
    for (let n = next++; n < count; n = next++) {
      const envelope = {
        ...{ schema: isQueue ? "hanzo.mq.v1" : "hanzo.stream.v1", id: `e${n}`, org_id: "local" },
        data: { n, text },
      };
      await broker.publisher.publish(
        {
          ...{ target, id: `${backlog}-${n}`, key: `k${n % 64}`, headers: {} },
          body: Buffer.from(JSON.stringify(envelope)),
        },
        signal,
      );
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, work));
}
