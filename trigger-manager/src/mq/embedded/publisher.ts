import {
  checkNatsMessage,
  type Message,
  type Published,
  type Publisher,
  subjectMatches,
} from "@hanzo-fn/brokers";
import { PlatformError } from "@hanzo-fn/contract";
import { abortable, type Backoff, backoffDelay, type Clock } from "@hanzo-fn/lifecycle";
import type { MqPublished, NewMqMessage, NewMqStream, Store } from "@hanzo-fn/store";
import { createGroupCommit } from "../../group-commit.ts";

const AT_ONCE = {
  items: 1000,
  size: { bytes: 8 * 1024 * 1024, of: ({ body }: NewMqMessage) => body.length },
};
/** A database that restarts is back within this. */
const PATIENCE_MS = 10_000;
const AGAIN: Backoff = { initialMs: 50, factor: 2, maxMs: 1000 };

function check(message: Message, { name, subjects, maxMessageBytes }: NewMqStream): void {
  checkNatsMessage(message);
  const { target, body } = message;
  if (!subjects.some((pattern) => subjectMatches(pattern, target))) {
    throw new PlatformError("bad_request", `the stream ${name} takes ${subjects.join(", ")}, not ${target}`, {
      component: "trigger-manager",
      next: "Publish to one of its subjects.",
    });
  }
  if (body.length > maxMessageBytes) {
    throw new PlatformError(
      "payload_too_large",
      `the message for ${target} has ${body.length} bytes, the stream ${name} takes ${maxMessageBytes}`,
      { component: "trigger-manager" },
    );
  }
}

/** Publishes to a stream of the platform's own; resolves once it is on the database's disk. */
export function createEmbeddedPublisher(
  { store, clock }: { readonly store: Pick<Store, "mq">; readonly clock: Clock },
  stream: NewMqStream,
): Publisher {
  const running = new Set<Promise<unknown>>();
  let closing = false;
  let ensured: Promise<unknown> | undefined;
  const ensure = (): Promise<unknown> => {
    if (ensured !== undefined) return ensured;
    const mine = store.mq.ensureStream(stream);
    mine.catch(() => (ensured = undefined));
    return (ensured = mine);
  };
  /** Of a publication that may have been kept before the connection broke, the id tells. */
  const keep = async (messages: readonly NewMqMessage[]): Promise<readonly MqPublished[]> => {
    const endMs = clock.monotonic() + PATIENCE_MS;
    for (let attempt = 1; ; attempt++) {
      try {
        await ensure();
        return await store.mq.publish(stream.name, messages);
      } catch (error) {
        const code = error instanceof PlatformError ? error.code : undefined;
        // Somebody removed the stream: it is made anew.
        if (code === "unavailable") ensured = undefined;
        const isOver = clock.monotonic() > endMs || closing;
        if ((code !== "database_unavailable" && code !== "unavailable") || isOver) throw error;
        await clock.sleep(backoffDelay(AGAIN, attempt));
      }
    }
  };
  const add = createGroupCommit(keep, AT_ONCE);
  const publish = async (message: Message, signal: AbortSignal): Promise<Published> => {
    signal.throwIfAborted();
    if (closing) {
      throw new PlatformError("unavailable", "the message queues are closed", {
        component: "trigger-manager",
      });
    }
    check(message, stream);
    const { target: subject, id, headers, body } = message;
    const work = add([{ subject, id, headers, body }]);
    running.add(work);
    work.finally(() => running.delete(work)).catch(() => {});
    const [kept] = await abortable(work, signal);
    const { seq, duplicate } = kept as MqPublished;
    return { place: `${stream.name}:${seq}`, duplicate };
  };
  return {
    publish,
    async close() {
      closing = true;
      await Promise.allSettled(running);
    },
  };
}
