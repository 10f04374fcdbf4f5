import type { MqConsumer } from "./broker.ts";

/** The same at every delivery. Sequences begin anew with a stream that was made anew, and its events are others. */
export function eventId(
  { stream, incarnation }: Pick<MqConsumer, "stream" | "incarnation">,
  sequence: number,
): string {
  return `mq:${stream}${incarnation === 0 ? "" : `~${incarnation}`}:${sequence}`;
}
