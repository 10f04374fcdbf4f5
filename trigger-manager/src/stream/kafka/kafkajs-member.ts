import type { KafkaSettings } from "@hanzo-fn/brokers";
import { PlatformError } from "@hanzo-fn/contract";
import type { Admin, Consumer, EachBatchPayload, KafkaConfig } from "kafkajs";
import type { Assigned, ConnectMember, GroupTiming, Member, MemberEvents } from "../member.ts";
import type { StreamRecord } from "../record.ts";

export interface KafkajsParts {
  readonly settings: KafkaSettings;
  readonly timing: GroupTiming;
}

const WAIT_MS = 200;
const PARTITION_BYTES = 256 * 1024;
const CONCURRENCY = 32;
/** After so long it notices partitions that were added; 5 minutes where it is not told. */
const METADATA_MS = 5000;
const RETRY = { initialRetryTime: 100, retries: 8, maxRetryTime: 1000 };

/**
 * A member of a Kafka group by kafkajs. No function runs in `eachBatch`: a batch is copied, its partition paused, and
 * the fetch goes on, so that heartbeats do. kafkajs says that a rebalance begins, but does not wait for anybody, and
 * it does not say which generation it is in.
 */
export function connectKafkajs({ settings, timing }: KafkajsParts): ConnectMember {
  return async ({ group, topic }, events, signal) => {
    const { Kafka, logLevel } = await import("kafkajs");
    await addCodecs();
    const kafka = new Kafka({ ...clientConfig(settings), logLevel: logLevel.NOTHING });
    const admin = kafka.admin();
    const consumer = kafka.consumer({
      groupId: group,
      sessionTimeout: timing.sessionTimeoutMs,
      rebalanceTimeout: timing.rebalanceTimeoutMs,
      heartbeatInterval: timing.heartbeatMs,
      maxWaitTimeInMs: WAIT_MS,
      minBytes: 1,
      maxBytesPerPartition: PARTITION_BYTES,
      readUncommitted: false,
      allowAutoTopicCreation: false,
      // Otherwise a crash is repaired behind our back, and forgets which partitions were paused.
      retry: { ...RETRY, restartOnFailure: () => Promise.resolve(false) },
      metadataMaxAge: METADATA_MS,
    });
    const session = createSession({ consumer, admin, group, topic, events });
    try {
      await admin.connect();
      signal.throwIfAborted();
      await consumer.connect();
      await consumer.subscribe({ topics: [topic], fromBeginning: true });
      await session.look();
      await consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: CONCURRENCY,
        eachBatch: (payload) => session.batch(payload),
      });
    } catch (error) {
      await session.member.close();
      throw explain(error, topic);
    }
    return session.member;
  };
}

function clientConfig({ brokers, sasl, tls, clientId }: KafkaSettings): KafkaConfig {
  const mechanism = {
    "SCRAM-SHA-256": "scram-sha-256",
    "SCRAM-SHA-512": "scram-sha-512",
    PLAIN: "plain",
  } as const;
  const { username = "", password = "" } = sasl ?? {};
  return {
    clientId: clientId ?? "hanzo-fn",
    brokers: [...brokers],
    ...(sasl
      ? { sasl: { mechanism: mechanism[sasl.mechanism ?? "PLAIN"], username, password } as never }
      : {}),
    ...(tls ? { ssl: { ...tls } as never } : {}),
  };
}

/** kafkajs alone reads gzip; HIP-30's producers write lz4. The other client's codecs are plain functions. */
async function addCodecs(): Promise<void> {
  const { CompressionCodecs, CompressionTypes } = await import("kafkajs").then((one) => one.default ?? one);
  const { compressionsAlgorithms } = await import("@platformatic/kafka");
  const names = { LZ4: "lz4", Snappy: "snappy", ZSTD: "zstd" } as const;
  for (const [type, name] of Object.entries(names)) {
    const algorithm = compressionsAlgorithms[name];
    CompressionCodecs[CompressionTypes[type as keyof typeof names]] = () => ({
      compress: (encoder: { readonly buffer: Buffer }) =>
        Promise.resolve(algorithm.compressSync(encoder.buffer)),
      decompress: (buffer: Buffer) => Promise.resolve(algorithm.decompressSync(buffer)),
    });
  }
}

const NO_TOPIC = new Set(["UNKNOWN_TOPIC_OR_PARTITION", "UNKNOWN_TOPIC_ID"]);

/** kafkajs wraps the protocol's errors in its own, some of them several times. */
function explain(error: unknown, topic: string): unknown {
  for (
    let one = error;
    one instanceof Error;
    one = one.cause ?? (one as { originalError?: unknown }).originalError
  ) {
    const { type } = one as { readonly type?: unknown };
    if (!NO_TOPIC.has(String(type))) continue;
    return new PlatformError("not_found", `there is no Kafka topic ${topic}`, {
      component: "trigger-manager",
      cause: error,
      next: `Create it, for example: kafka-topics.sh --create --topic ${topic}`,
    });
  }
  return error;
}

interface SessionParts {
  readonly consumer: Consumer;
  readonly admin: Admin;
  readonly group: string;
  readonly topic: string;
  readonly events: MemberEvents;
}

function recordsOf({ batch }: EachBatchPayload): readonly StreamRecord[] {
  return batch.messages.map(({ offset, key, value, headers, timestamp }) => ({
    offset: Number(offset),
    key: key ?? undefined,
    value: value ?? undefined,
    headers: Object.fromEntries(
      Object.entries(headers ?? {}).map(([name, content]) => [name, String(content ?? "")]),
    ),
    timestampMs: Number(timestamp),
  }));
}

function createSession({ consumer, admin, group, topic, events }: SessionParts) {
  /** Where the group was when we last looked, or committed: another value there is somebody else's. */
  const committed = new Map<number, number>();
  const paused = new Set<number>();
  /**
   * Where the group was before the first join. What lies before the log's start by then is gone, and kafkajs commits
   * that start in silence: only here it can still be counted.
   */
  const before = new Map<number, number>();
  /** Partitions whose fetch was sent back to our position once already. */
  const rewound = new Set<number>();
  let memberId: string | undefined;
  let assignment = 0;
  let settled: Promise<void> = Promise.resolve();
  let commitNow: EachBatchPayload["commitOffsetsIfNecessary"] | undefined;
  let closed = false;

  const positionOf = (partition: number, found: number, first: number): number => {
    const earlier = before.get(partition) ?? -1;
    before.delete(partition);
    if (found < 0) return first;
    return earlier >= 0 && earlier < first && found === first ? earlier : found;
  };
  const assign = async (partitions: readonly number[], isSame: boolean): Promise<void> => {
    const mine = ++assignment;
    const [offsets] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
    const logs = await admin.fetchTopicOffsets(topic);
    if (mine !== assignment || closed) return;
    const all = new Map<number, Assigned>();
    for (const partition of partitions) {
      const found = Number(offsets?.partitions.find((one) => one.partition === partition)?.offset ?? -1);
      const log = logs.find((one) => one.partition === partition);
      const first = Number(log?.low ?? 0);
      const position = positionOf(partition, found, first);
      all.set(partition, {
        position,
        isNew: found < 0,
        end: Number(log?.high ?? 0),
        kept: isSame && committed.get(partition) === found,
      });
      committed.set(partition, found);
    }
    rewound.clear();
    events.assigned(all);
    wake();
  };
  const wake = (): void => {
    for (const partition of [...paused]) {
      if (events.wanted(partition) === undefined) continue;
      paused.delete(partition);
      consumer.resume([{ topic, partitions: [partition] }]);
    }
  };
  consumer.on("consumer.group_join", ({ payload }) => {
    const isSame = payload.memberId === memberId;
    memberId = payload.memberId;
    events.alive("heartbeat");
    settled = assign(payload.memberAssignment[topic] ?? [], isSame).catch((error: unknown) => {
      if (!closed) events.lost(explain(error, topic));
    });
  });
  consumer.on("consumer.rebalancing", () => void events.revoking(new Set()));
  consumer.on("consumer.heartbeat", () => events.alive("heartbeat"));
  consumer.on("consumer.fetch", () => events.alive("fetch"));
  consumer.on("consumer.crash", ({ payload }) => events.lost(explain(payload.error, topic)));
  // A batch of markers alone never reaches `eachBatch`.
  consumer.on("consumer.end_batch_process", ({ payload }) => {
    const asked = events.wanted(payload.partition);
    if (payload.batchSize > 0 || asked === undefined || payload.lastOffset === null) return;
    events.fetched(payload.partition, {
      asked,
      from: asked,
      records: [],
      end: Number(payload.lastOffset) + 1,
    });
  });

  const member: Member = {
    wake,
    async commit(positions) {
      // Without the retries of `consumer.commitOffsets`, which would be sent in the name of a later generation.
      if (commitNow === undefined) throw new Error("nothing was read yet");
      const partitions = [...positions].map(([partition, offset]) => ({ partition, offset: `${offset}` }));
      await commitNow({ topics: [{ topic, partitions }] });
      for (const [partition, offset] of positions) committed.set(partition, offset);
    },
    async close() {
      closed = true;
      await Promise.allSettled([consumer.disconnect(), admin.disconnect()]);
    },
  };
  return {
    member,
    async look(): Promise<void> {
      const [offsets] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
      for (const { partition, offset } of offsets?.partitions ?? []) before.set(partition, Number(offset));
    },
    async batch(payload: EachBatchPayload): Promise<void> {
      await settled;
      commitNow = payload.commitOffsetsIfNecessary;
      const { batch, pause, resolveOffset } = payload;
      const { partition } = batch;
      const position = events.wanted(partition);
      const asked = Number((batch as unknown as { readonly fetchedOffset: string }).fetchedOffset);
      if (position === undefined || closed) {
        // Not ours, or more than enough is here: it is fetched again when there is room.
        pause();
        paused.add(partition);
        return;
      }
      if (asked > position && !rewound.has(partition)) {
        rewound.add(partition);
        consumer.seek({ topic, partition, offset: `${position}` });
        return;
      }
      const from = Math.max(position, asked);
      const end = Number(batch.lastOffset()) + 1;
      events.fetched(partition, { asked: Math.min(asked, position), from, records: recordsOf(payload), end });
      rewound.delete(partition);
      resolveOffset(batch.lastOffset());
      if (events.wanted(partition) !== undefined) return;
      pause();
      paused.add(partition);
    },
  };
}
