import { setTimeout as sleep } from "node:timers/promises";
import type { Publisher } from "@hanzo-fn/brokers";
import { ulid } from "@hanzo-fn/contract";
import type { Store } from "@hanzo-fn/store";
import type { Publication, QueuedSource } from "./evidence.ts";
import { pick, type Random } from "./random.ts";
import { keyOf, MQ_TRIGGERS, ORG, type SourceName, STREAM_TRIGGERS, taskFunction } from "./settings.ts";

/** What was accepted: numbers of messages, ids of tasks. Times of schedules accept themselves. */
export type Accepted = Readonly<Record<Exclude<SourceName, "cron">, Set<string>>>;

export interface Workload {
  readonly accepted: Accepted;
  readonly published: readonly Publication[];
}

export interface WorkloadParts {
  readonly queues: Publisher;
  readonly topics: Publisher;
  readonly store: Pick<Store, "tasks">;
  readonly random: Random;
}

export interface WorkloadSettings {
  /** Of each source, on average. */
  readonly perSecond: number;
}

const TICK_MS = 50;

/** Publishes numbered messages and submits tasks until the signal; what is not acknowledged is not accepted. */
export async function runWorkload(
  { queues, topics, store, random }: WorkloadParts,
  { perSecond }: WorkloadSettings,
  signal: AbortSignal,
): Promise<Workload> {
  const accepted: Accepted = { mq: new Set(), stream: new Set(), tasks: new Set() };
  const published: Publication[] = [];
  const never = new AbortController().signal;
  const open = new Set<Promise<void>>();
  let n = 0;
  const send = (of: keyof Accepted, key: string, work: Promise<unknown>): void => {
    const one = work.then(
      () => void accepted[of].add(key),
      () => {},
    );
    open.add(one);
    void one.finally(() => open.delete(one));
  };
  const messageTo = (target: string) => {
    const number = n++;
    const body = Buffer.from(JSON.stringify({ n: `${number}` }));
    return { key: `${number}`, message: { target, id: ulid(), headers: {}, body, key: keyOf(number) } };
  };
  const publish = (source: QueuedSource, to: Publisher, target: string): void => {
    const { key, message } = messageTo(target);
    const sent = to.publish(message, never).then(
      () => void published.push({ source, key, target, ackedAtMs: Date.now() }),
      (error: unknown) => {
        published.push({ source, key, target });
        throw error;
      },
    );
    send(source, key, sent);
  };
  const once = (): void => {
    publish("mq", queues, pick(random, MQ_TRIGGERS).source);
    publish("stream", topics, pick(random, STREAM_TRIGGERS).topic);
    const id = `task_${ulid()}`;
    const request = { headers: {}, query: "", request_id: "req_chaos" };
    const task = { id, org: ORG, function: taskFunction(n), request, expiresInMs: 3_600_000 };
    send("tasks", id, store.tasks.submit({ ...task, payload: Buffer.from("{}") }));
  };
  let due = 0;
  while (!signal.aborted) {
    due += (random() * 2 * perSecond * TICK_MS) / 1000;
    for (; due >= 1; due--) once();
    await sleep(TICK_MS);
  }
  await Promise.all(open);
  return { accepted, published };
}
