import { bytes, duration, flag, integer } from "../document/leaves.ts";
import { field, milliseconds, secret, size } from "./field.ts";
import { hidden } from "./leaves.ts";

const DAY_MS = 86_400_000;
const wait = (maxMs: number) => () => duration({ minMs: 1, maxMs });

/** Asynchronous calls: how long, how often and how many. */
export const EVENTS = {
  task_retention: milliseconds(wait(365 * DAY_MS), {
    fallback: "24h",
    description:
      "How long the outcome of an asynchronous call is kept once it has ended, and how long an `Idempotency-Key` stands for its call.",
  }),
  task_expires_in: milliseconds(wait(30 * DAY_MS), {
    fallback: "6h",
    description:
      "How long an asynchronous call may wait for an attempt, where it does not say so itself; then it ends as expired.",
  }),
  task_attempts: field(() => integer(1, 100), {
    fallback: 3,
    description: "Attempts of an asynchronous call whose function fails, the first one included.",
  }),
  task_backoff: milliseconds(wait(DAY_MS), {
    fallback: "60s",
    description: "Wait before the second attempt of an asynchronous call; doubled before each one after it.",
  }),
  task_concurrency: field(() => integer(1, 10_000), {
    fallback: 64,
    description: "Asynchronous calls of one function that run at once, per process.",
  }),
  task_max_queued: field(() => integer(1, 100_000_000), {
    fallback: 1_000_000,
    description:
      "Asynchronous calls of one function that wait; beyond it 429. Counted every few seconds, so that some more may pass.",
  }),
  task_max_result_bytes: size(() => bytes({ min: 1024 }), {
    fallback: "256Mi",
    description: "Longest answer of an asynchronous call that is kept; a longer one is a failure.",
  }),
  callback_attempts: field(() => integer(1, 100), {
    fallback: 8,
    description:
      "Deliveries of a callback that are tried, 10 s after the first, then three times as long, at most 1h.",
  }),
  callback_private: field(flag, {
    fallback: false,
    description:
      "Whether callbacks may go to private, loopback and link-local addresses: for tests and closed networks.",
  }),
  callback_key: secret(hidden, {
    description:
      "Key that the organisations' callback keys are derived from. Default: one that the platform makes and keeps in its database.",
  }),
} as const;
