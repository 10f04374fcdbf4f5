import { HEADERS } from "@hanzo-fn/contract";
import { systemClock } from "@hanzo-fn/lifecycle";
import type { InvokeDependencies, InvokeResponse } from "../src/delivery/invoke.ts";
import { behaviourOf, durationOf, isRefused } from "./behaviour.ts";
import type { Outcome } from "./evidence.ts";
import type { LedgerFile } from "./ledger-file.ts";
import { FUNCTION_TIMEOUT_MS, type SourceName } from "./settings.ts";

interface Item {
  readonly event: string;
  readonly key: string;
  readonly attempt: number;
}

type Request = Parameters<InvokeDependencies["invoke"]>[0];

async function* textOf(text: string): AsyncGenerator<Buffer> {
  yield Buffer.from(text);
}

function answer(status: number, value: unknown, headers: InvokeResponse["headers"] = []): InvokeResponse {
  return { status, headers, body: textOf(JSON.stringify(value)) };
}

/** Messages carry a number; what has none is known by its event. */
function keyOf(data: unknown, event: string): string {
  return typeof data === "object" && data !== null && "n" in data ? String(data.n) : event;
}

const isBatch = ({ headers }: Request): boolean =>
  headers["content-type"] === "application/vnd.hanzo.batch+json";

/** The events of a call, as the function reads them. */
function itemsOf(request: Request, source: SourceName): Item[] {
  const { headers, body, trigger } = request;
  if (source === "tasks") return [{ event: trigger.id, key: trigger.id, attempt: trigger.attempt }];
  const data = JSON.parse(body.toString("utf8")) as unknown;
  if (!isBatch(request)) {
    const event = headers["idempotency-key"] ?? "";
    return [{ event, key: keyOf(data, event), attempt: trigger.attempt }];
  }
  const { items } = data as { items: { id: string; attempt: number; data: unknown }[] };
  return items.map(({ id, attempt, data: one }) => {
    return { event: id, key: keyOf(one, id), attempt };
  });
}

type Response = InvokeResponse & { readonly platform: boolean };

/** What a call of these events comes to, where nobody cuts it short. */
interface End {
  readonly afterMs: number;
  /** Of each event. */
  readonly outcomes: readonly Outcome[];
  readonly response: Response;
}

/** @param isPartial the answer may name events that failed; otherwise one fails all */
function endOf(seed: number, items: readonly Item[], isPartial: boolean): End {
  const behaviours = items.map(({ key, attempt }) => behaviourOf(seed, key, attempt));
  const allFailed = items.map((): Outcome => "failed");
  if (behaviours.includes("hangs")) {
    const response = { ...answer(504, { error: "timeout" }), platform: true };
    return { afterMs: FUNCTION_TIMEOUT_MS, outcomes: allFailed, response };
  }
  const afterMs = Math.max(...items.map(({ key }, i) => durationOf(seed, key, behaviours[i] ?? "well")));
  const failed = items.filter((_, i) => behaviours[i] === "fails");
  if (failed.length > 0 && !isPartial) {
    const response = { ...answer(500, { error: "as the seed has it" }), platform: false };
    return { afterMs, outcomes: allFailed, response };
  }
  const batchItemFailures = failed.map(({ event }) => ({ itemIdentifier: event }));
  const outcomes = behaviours.map((one): Outcome => (one === "fails" ? "failed" : "ok"));
  return { afterMs, outcomes, response: { ...answer(200, { batchItemFailures }), platform: false } };
}

function refusal(): Response {
  const headers = [[HEADERS.notDelivered, "overloaded"]] as const;
  return { ...answer(503, { error: "overloaded" }, headers), platform: true };
}

export interface FunctionParts {
  readonly ledger: LedgerFile;
  /** The replica, in one life of it. */
  readonly by: string;
  readonly seed: number;
}

/**
 * The function of a replica, behind what stands for the proxy: every event that it gets is in the ledger before
 * anything is done with it, and again before its end is told. It misbehaves as the seed has it.
 */
export function createFunction({ ledger, by, seed }: FunctionParts) {
  let calls = 0;
  return async (request: Request, _identity: unknown, signal: AbortSignal): Promise<Response> => {
    const source = request.trigger.type === "async" ? "tasks" : (request.trigger.type as SourceName);
    const items = itemsOf(request, source);
    const call = calls++;
    if (isRefused(seed, by, call)) return refusal();
    const begin = { what: "begin", atMs: Date.now(), by, call, source } as const;
    ledger.append(...items.map((item) => ({ ...begin, ...item })));
    const note = (outcomeOf: (i: number) => Outcome): void => {
      const end = { what: "end", atMs: Date.now(), by, call } as const;
      ledger.append(...items.map(({ event }, i) => ({ ...end, event, outcome: outcomeOf(i) })));
    };
    const { afterMs, outcomes, response } = endOf(seed, items, source === "mq" && isBatch(request));
    try {
      await systemClock.sleep(afterMs, signal);
    } catch (error) {
      note(() => "cut");
      throw error;
    }
    note((i) => outcomes[i] ?? "failed");
    return response;
  };
}
