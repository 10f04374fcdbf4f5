import { EVENT_FIELDS, type EventField, type EventValue } from "@hanzo-fn/contract";

/** One record of `llm_usage` as filters see it. */
export interface UsageEvent {
  /** Without the prefix `org_`; undefined where the record names none. */
  readonly org: string | undefined;
  readonly fields: ReadonlyMap<EventField, EventValue>;
}

type Json = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Events say `org_hanzo`, tokens say `hanzo`. */
export const plainOrg = (org: string): string => (org.startsWith("org_") ? org.slice("org_".length) : org);

const COMPLETED: ReadonlySet<unknown> = new Set(["success", "completed"]);
const FAILED: ReadonlySet<unknown> = new Set(["error", "failed", "timeout", "rate_limited"]);

/** How the inference ended: by `data.status` where it is one of the known, else by the last part of `type`. */
function outcomeOf(type: unknown, status: unknown): string | undefined {
  if (COMPLETED.has(status)) return "completed";
  if (FAILED.has(status)) return "failed";
  return typeof type === "string" ? type.slice(type.lastIndexOf(".") + 1) : undefined;
}

function totalOf({
  total_tokens: total,
  prompt_tokens: prompt,
  completion_tokens: completion,
}: Json): unknown {
  if (total !== undefined && total !== null) return total;
  return typeof prompt === "number" && typeof completion === "number" ? prompt + completion : undefined;
}

const TYPES = { text: "string", number: "number", flag: "boolean" } as const;
const FIELDS = Object.entries(EVENT_FIELDS) as [EventField, keyof typeof TYPES][];

/**
 * Reads a record of `llm_usage` (HIP-30's schema `hanzo.stream.v1`). Unknown fields are passed over, and what has
 * another type than it should is as if it were absent.
 * @returns undefined where it is not such a record
 */
export function readUsageEvent(body: Buffer): UsageEvent | undefined {
  let record: unknown;
  try {
    record = JSON.parse(body.toString("utf8"));
  } catch {
    return undefined;
  }
  if (!isObject(record) || !isObject(record["data"])) return undefined;
  const data = record["data"];
  const org = record["org_id"] ?? data["org_id"];
  const values: Json = {
    ...data,
    org_id: org,
    team_id: record["team_id"] ?? data["team_id"],
    event_type: outcomeOf(record["type"], data["status"]),
    total_tokens: totalOf(data),
  };
  const fields = new Map<EventField, EventValue>();
  for (const [field, kind] of FIELDS) {
    const value = values[field];
    if (typeof value === TYPES[kind]) fields.set(field, value as EventValue);
  }
  return { org: typeof org === "string" ? plainOrg(org) : undefined, fields };
}
