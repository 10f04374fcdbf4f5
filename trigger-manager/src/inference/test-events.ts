import { type InferenceTrigger, TRIGGER_KINDS } from "@hanzo-fn/contract";

/** As a manifest says it, with quick retries. */
export function inferenceTrigger(fields: Record<string, unknown> = {}): InferenceTrigger {
  const kind = TRIGGER_KINDS.inference;
  const quick = { retry: { attempts: 2, backoff: { initial: "5ms", max: "10ms" } } };
  return kind.read(kind.schema().parse({ type: "inference", ...quick, ...fields })) as InferenceTrigger;
}

/** A usage event, as text. */
export function usage(request: string, more: { org?: string; model?: string } = {}): string {
  const { org = "org_acme", model = "zen-7b" } = more;
  const data = { request_id: request, model, total_tokens: 380 };
  return JSON.stringify({
    schema: "hanzo.stream.v1",
    id: `evt_${request}`,
    type: "llm.usage.completed",
    org_id: org,
    data,
  });
}

/** Of replicas that are killed: quick to be missed, and slow enough to be killed in a call. */
export const TOPIC = "llm_usage";
export const TIMING = { sessionTimeoutMs: 8000, rebalanceTimeoutMs: 16_000, heartbeatMs: 200 };
export const ACK_WAIT_MS = 8000;
export const CALL_MS = 20;
