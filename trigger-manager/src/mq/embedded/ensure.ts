import { PlatformError } from "@hanzo-fn/contract";
import type { MqConsumerRow, MqStreamRow, NewMqStream, Store, StoreTransaction } from "@hanzo-fn/store";
import type { ConsumerWish, MqConsumer } from "../broker.ts";
import { subjectsOverlap } from "../subjects.ts";

/** A subject with wildcards as a regular expression of PostgreSQL; undefined where it has none. */
export function patternOf(subject: string): string | undefined {
  if (!/[*>]/.test(subject)) return undefined;
  const tokens = subject.split(".").map((token) => {
    if (token === "*") return "[^.]+";
    return token === ">" ? ".+" : token.replaceAll(/[^A-Za-z0-9_-]/g, String.raw`\$&`);
  });
  return `^${tokens.join(String.raw`\.`)}$`;
}

function conflict(message: string, next: string): PlatformError {
  return new PlatformError("conflict", message, { component: "trigger-manager", next });
}

export function streamMissing(stream: string): PlatformError {
  return new PlatformError("unavailable", `there is no stream ${stream}`, {
    component: "trigger-manager",
    next: "Use a stream of the platform's own queues, or configure NATS (NATS_URL).",
  });
}

function checkSubject({ name, subjects }: MqStreamRow, subject: string): void {
  if (subjects.some((pattern) => subjectsOverlap(pattern, subject))) return;
  throw new PlatformError("bad_request", `the stream ${name} takes ${subjects.join(", ")}, not ${subject}`, {
    component: "trigger-manager",
    next: "Use one of its subjects.",
  });
}

function checkFree(stream: MqStreamRow, consumers: readonly MqConsumerRow[], wish: ConsumerWish): void {
  if (stream.retention !== "workqueue") return;
  const clash = consumers.find(
    ({ name, subject }) => name !== wish.name && subjectsOverlap(subject, wish.subject),
  );
  if (clash === undefined) return;
  throw conflict(
    `${wish.subject} is taken by the consumer ${clash.name}: on the work queue ${stream.name} every subject has one consumer`,
    "Use another subject, or that consumer's name as consumer_group to take its place.",
  );
}

function firstPosition(stream: MqStreamRow, { known }: ConsumerWish): number {
  // A work queue has nothing that is done.
  if (stream.retention === "workqueue") return 0;
  if (known === undefined) return stream.lastSeq;
  return known.streamCreated === stream.createdAt.toISOString() ? known.position : 0;
}

async function adopt(
  tx: StoreTransaction,
  stream: MqStreamRow,
  row: MqConsumerRow,
  wish: ConsumerWish,
): Promise<void> {
  const isOurs = wish.known?.created === true && wish.known.name === row.name;
  if (row.subject !== wish.subject && !isOurs) {
    throw conflict(
      `the consumer ${row.name} of the stream ${stream.name} takes ${row.subject}, not ${wish.subject}`,
      "Give the trigger another consumer_group, or remove that consumer.",
    );
  }
  const maxAckPending = wish.maxAckPending === 1 ? 1 : Math.max(wish.maxAckPending, row.maxAckPending);
  if (row.subject === wish.subject && row.maxAckPending === maxAckPending) return;
  const pattern = patternOf(wish.subject) ?? null;
  await tx.mq.changeConsumer(row.id, { subject: wish.subject, pattern, maxAckPending });
}

/** See `MqBroker.ensure`. */
export function ensureConsumer(
  store: Pick<Store, "withTransaction" | "mq">,
  wish: ConsumerWish,
  own: NewMqStream,
): Promise<MqConsumer> {
  const { stream: name = own.name, known } = wish;
  return store.withTransaction(async (tx) => {
    if (name === own.name) await tx.mq.ensureStream(own);
    // Until the end of the transaction nobody else makes a consumer.
    const stream = await tx.mq.lockStream(name);
    if (stream === undefined) throw streamMissing(name);
    checkSubject(stream, wish.subject);
    const consumers = await tx.mq.consumersOf(stream.id);
    checkFree(stream, consumers, wish);
    const row = consumers.find((consumer) => consumer.name === wish.name);
    const position = firstPosition(stream, wish);
    if (row !== undefined) await adopt(tx, stream, row, wish);
    else {
      await tx.mq.addConsumer({
        streamId: stream.id,
        name: wish.name,
        description: wish.description,
        subject: wish.subject,
        pattern: patternOf(wish.subject) ?? null,
        maxAckPending: wish.maxAckPending,
        position,
      });
    }
    const streamCreated = stream.createdAt.toISOString();
    const isSame = known === undefined || known.streamCreated === streamCreated;
    return {
      stream: name,
      name: wish.name,
      subject: wish.subject,
      created: known?.created ?? row === undefined,
      adoptedAttempts: known?.adoptedAttempts,
      position: row?.position ?? position,
      streamCreated,
      incarnation: (known?.incarnation ?? 0) + (isSame ? 0 : 1),
    };
  });
}
