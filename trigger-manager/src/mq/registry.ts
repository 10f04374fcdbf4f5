import { subjectWithin } from "./subjects.ts";

/** Attempts that the registry of queues prescribes (HIP-55), from the narrowest subject to the widest. */
const REGISTERED: ReadonlyArray<readonly [subject: string, attempts: number]> = [
  ["mq.batch.embeddings", 5],
  ["mq.batch.finetune", 2],
  ["mq.batch.images", 3],
  ["mq.inference.>", 3],
  ["mq.scheduled.>", 3],
  ["mq.notify.>", 5],
  ["mq.dlq.>", 1],
];

/** What the registry says of inference, for want of a row for everything else. */
const UNREGISTERED = 3;

/** Counted attempts of a trigger on this subject, where neither it nor an adopted consumer says otherwise. */
export function registeredAttempts(subject: string): number {
  return REGISTERED.find(([row]) => subjectWithin(subject, row))?.[1] ?? UNREGISTERED;
}
