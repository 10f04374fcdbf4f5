import { type Message, type Publisher } from "@hanzo-fn/brokers";
import { PlatformError } from "@hanzo-fn/contract";
import type { Logger } from "@hanzo-fn/telemetry";
import type { DeadLetter } from "../delivery/index.ts";

/**
 * Publishes a parked event to the dead letters of its broker. What the broker will never take (no such topic, too
 * large) must not hold up the source: the event is among our own dead letters all the same.
 */
export async function publishParked(
  { publisher, log }: { readonly publisher: Publisher; readonly log: Pick<Logger, "warn"> },
  message: Message,
  { event }: DeadLetter,
  signal: AbortSignal,
): Promise<void> {
  try {
    await publisher.publish(message, signal);
  } catch (error) {
    if (!(error instanceof PlatformError) || error.retryable) throw error;
    log.warn("a parked event is among the dead letters, and was not published", {
      error,
      event: event.id,
      target: message.target,
    });
  }
}
