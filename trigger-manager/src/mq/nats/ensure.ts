import { PlatformError } from "@hanzo-fn/contract";
import type { ConsumerInfo, JetStreamManager, StreamConfig, StreamInfo } from "@nats-io/jetstream";
import type { ConsumerWish, MqConsumer } from "../broker.ts";
import {
  type Ask,
  isAnswer,
  isConsumerMissing,
  isConsumerThere,
  isStorageShort,
  isStreamMissing,
  isTaken,
} from "./ask.ts";
import { adopt, checkSubject, clashOf, newConsumer } from "./consumer.ts";

type NewStream = Partial<StreamConfig> & { readonly name: string };

export interface EnsureOptions {
  /** Of a wish that names none. */
  readonly stream: string;
  /** What a stream that is missing is made as; undefined where it is not made. */
  readonly newStream: NewStream | undefined;
  /** An event that is not extended for so long is somebody else's. */
  readonly ackWaitMs: number;
}

export function streamMissing(stream: string): PlatformError {
  return new PlatformError("unavailable", `there is no stream ${stream}`, {
    component: "trigger-manager",
    next: `Create it, for example: nats stream add ${stream} --subjects 'mq.>' --retention work --storage file --defaults`,
  });
}

async function streamOf(
  manager: JetStreamManager,
  stream: string,
  newStream: NewStream | undefined,
): Promise<StreamInfo> {
  try {
    return await manager.streams.info(stream);
  } catch (error) {
    if (!isStreamMissing(error)) throw error;
    if (newStream === undefined) throw streamMissing(stream);
  }
  const config = { ...newStream, name: stream };
  try {
    return await manager.streams.add(config);
  } catch (error) {
    // A smaller server keeps as much as it has room for.
    if (!isStorageShort(error)) throw error;
    return manager.streams.add({ ...config, max_bytes: -1 });
  }
}

async function present(
  manager: JetStreamManager,
  stream: string,
  name: string,
): Promise<ConsumerInfo | undefined> {
  try {
    return await manager.consumers.info(stream, name);
  } catch (error) {
    if (isConsumerMissing(error)) return undefined;
    throw error;
  }
}

function remembered(
  info: ConsumerInfo,
  stream: StreamInfo,
  wish: ConsumerWish,
  found: { readonly created: boolean; readonly attempts: number | undefined },
): MqConsumer {
  const { known } = wish;
  const isSame = known === undefined || known.streamCreated === stream.created;
  return {
    stream: info.stream_name,
    name: info.name,
    subject: wish.subject,
    // Who made it first is what counts: one that we adopted and that was lost is not ours for being made anew.
    created: known?.created ?? found.created,
    adoptedAttempts: found.attempts ?? known?.adoptedAttempts,
    position: info.ack_floor.stream_seq,
    streamCreated: stream.created,
    incarnation: (known?.incarnation ?? 0) + (isSame ? 0 : 1),
  };
}

async function taken(
  manager: JetStreamManager,
  stream: string,
  wish: ConsumerWish,
  error: unknown,
): Promise<PlatformError> {
  const consumers = await manager.consumers.list(stream).next();
  const clash = clashOf(consumers, wish);
  const by = clash === undefined ? "another consumer" : `the consumer ${clash.name}`;
  return new PlatformError(
    "conflict",
    `${wish.subject} is taken by ${by}: on the work queue ${stream} every subject has one consumer`,
    {
      component: "trigger-manager",
      cause: error,
      next: "Use another subject, or that consumer's name as consumer_group to take its place.",
    },
  );
}

async function take(
  manager: JetStreamManager,
  info: ConsumerInfo,
  stream: StreamInfo,
  wish: ConsumerWish,
  ackWaitMs: number,
): Promise<MqConsumer> {
  const { change, attempts } = adopt(info, wish, ackWaitMs);
  if (Object.keys(change).length === 0) return remembered(info, stream, wish, { created: false, attempts });
  try {
    const changed = await manager.consumers.update(info.stream_name, info.name, change);
    return remembered(changed, stream, wish, { created: false, attempts });
  } catch (error) {
    if (isTaken(error)) throw await taken(manager, info.stream_name, wish, error);
    if (!isAnswer(error)) throw error;
    throw new PlatformError(
      "conflict",
      `the consumer ${info.name} of the stream ${info.stream_name} cannot be changed as a trigger needs it (${Object.keys(change).join(", ")}): ${error.message}`,
      {
        component: "trigger-manager",
        cause: error,
        next: "Give the trigger another consumer_group, or remove that consumer.",
      },
    );
  }
}

/** See `MqBroker.ensure`. */
export function ensureConsumer(
  ask: Ask,
  wish: ConsumerWish,
  { stream: own, newStream, ackWaitMs }: EnsureOptions,
  signal: AbortSignal,
): Promise<MqConsumer> {
  const name = wish.stream ?? own;
  return ask(`make the consumer ${wish.name} of the stream ${name}`, signal, async ({ manager }) => {
    const stream = await streamOf(manager, name, newStream);
    checkSubject(stream, wish.subject);
    const info = await present(manager, name, wish.name);
    if (info !== undefined) return take(manager, info, stream, wish, ackWaitMs);
    try {
      const made = await manager.consumers.add(name, newConsumer(wish, stream, ackWaitMs));
      return remembered(made, stream, wish, { created: true, attempts: undefined });
    } catch (error) {
      if (isTaken(error)) throw await taken(manager, name, wish, error);
      // Somebody else made it meanwhile.
      const other = isConsumerThere(error) ? await present(manager, name, wish.name) : undefined;
      if (other === undefined) throw error;
      return take(manager, other, stream, wish, ackWaitMs);
    }
  });
}
