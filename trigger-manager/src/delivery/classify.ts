import { readBatchOutcome } from "@hanzo-fn/contract";
import type { DeliverySettings } from "./settings.ts";
import type { Answer, Failure } from "./source.ts";

/** How a call ended. */
export type CallResult =
  | { readonly kind: "answered"; readonly answer: Answer }
  /** Something of the call may have reached user code, and no whole answer came back. */
  | { readonly kind: "broken"; readonly error: string }
  /** Cut by us, because of a drain or since nobody wants its events any more. */
  | { readonly kind: "cut" };

/** What one failed item of a batch deserves: another attempt, or the dead letters at once. */
export interface ItemFailure {
  readonly failure: Failure;
  readonly final: boolean;
}

/** What a call means for the events that were in it. */
export type Verdict =
  | { readonly kind: "succeeded"; readonly answer: Answer }
  /** The items that failed, by event id; the others succeeded. */
  | { readonly kind: "partial"; readonly answer: Answer; readonly failed: ReadonlyMap<string, ItemFailure> }
  /** The function had it and failed: counts. `final`: another attempt would fail in the same way. */
  | { readonly kind: "failed"; readonly failure: Failure; readonly final: boolean }
  /** The function never saw it: never counts, and says that the function takes no calls now. */
  | { readonly kind: "not_delivered"; readonly failure: Failure }
  /** The function never saw it, and never will: the platform cannot send what is in it. */
  | { readonly kind: "refused"; readonly failure: Failure }
  | { readonly kind: "cut" };

/** Codes of refusals that are about the call's own bytes; every other refusal passes. */
const UNSENDABLE: ReadonlySet<string> = new Set([
  "bad_request",
  "head_too_large",
  "payload_too_large",
  "uri_too_long",
]);

const REQUEST_TIMEOUT = 408;

/**
 * Reads the end of a call (readings.md 19): 2xx succeeds; what is marked as not delivered never counts; everything
 * else fails and counts.
 * @param ids of the events, each once; a batch that is malformed in any way fails as a whole
 */
export function classify(
  result: CallResult,
  ids: readonly string[],
  settings: Pick<DeliverySettings, "on4xx" | "partialResponse">,
): Verdict {
  if (result.kind === "cut") return result;
  if (result.kind === "broken") return { kind: "failed", failure: { error: result.error }, final: false };
  const { answer } = result;
  const { status, notDelivered } = answer;
  if (notDelivered !== undefined) {
    const failure = { status, error: `not delivered: ${notDelivered}` };
    return { kind: UNSENDABLE.has(notDelivered) ? "refused" : "not_delivered", failure };
  }
  const outcome = readBatchOutcome(status, answer.body, ids, { partial: settings.partialResponse });
  if (outcome.status === "succeeded") return { kind: "succeeded", answer };
  if (outcome.status === "failed") {
    const isClientError = status >= 400 && status <= 499 && status !== REQUEST_TIMEOUT;
    const error = answer.truncated && status < 300 ? "the answer is too large to be read" : outcome.reason;
    return {
      kind: "failed",
      failure: { status, error },
      final: isClientError && settings.on4xx === "park",
    };
  }
  const failed = new Map<string, ItemFailure>();
  for (const [id, item] of outcome.items) {
    if (item.status === "succeeded") continue;
    const error = item.message === "" ? item.kind : `${item.kind}: ${item.message}`;
    failed.set(id, { failure: { status, error }, final: item.kind === "permanent" });
  }
  return failed.size === 0 ? { kind: "succeeded", answer } : { kind: "partial", answer, failed };
}
