/** Payload `<org>/<function>`: something of that function changed. */
export const CHANGES_CHANNEL = "hanzo_fn_changes";
/** Payload `<org>/<function>`: that function has new log lines. */
export const LOGS_CHANNEL = "hanzo_fn_logs";
/** Payload: the id of a task that was cancelled. */
export const TASKS_CHANNEL = "hanzo_fn_tasks";
/** Payload `<stream>\n<subject>\n<subject>…`: messages were published; the one subject `>` stands for too many to name. */
export const MQ_CHANNEL = "hanzo_fn_mq";

/** Payload: a topic of the embedded log that has new records. */
export const STREAMS_CHANNEL = "hanzo_fn_streams";

/** Organisation and function of a payload; a function's name holds no slash. */
export function parsePayload(payload: string): { readonly org: string; readonly function: string } {
  const slash = payload.lastIndexOf("/");
  return { org: payload.slice(0, slash), function: payload.slice(slash + 1) };
}

/** Stream and subjects of a payload of `MQ_CHANNEL`. */
export function parsePublished(payload: string): {
  readonly stream: string;
  readonly subjects: readonly string[];
} {
  const [stream = "", ...subjects] = payload.split("\n");
  return { stream, subjects };
}
