/** Payload `<org>/<function>`: something of that function changed. */
export const CHANGES_CHANNEL = "hanzo_fn_changes";
/** Payload `<org>/<function>`: that function has new log lines. */
export const LOGS_CHANNEL = "hanzo_fn_logs";

/** Organisation and function of a payload; a function's name holds no slash. */
export function parsePayload(payload: string): { readonly org: string; readonly function: string } {
  const slash = payload.lastIndexOf("/");
  return { org: payload.slice(0, slash), function: payload.slice(slash + 1) };
}
