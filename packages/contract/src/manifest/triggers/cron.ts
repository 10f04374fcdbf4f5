import { formatDuration } from "../../duration.ts";
import { leaf, refuse, type Leaf } from "../../document/leaf.ts";
import { choice, described, duration, flag } from "../../document/leaves.ts";
import { once, zod } from "../../document/lazy.ts";
import type { CronTrigger } from "../types.ts";
import { scheduleProblem } from "./cron-schedule.ts";
import { printRetry, readRetry, retrySchema, type RetryFields } from "./delivery.ts";
import type { TriggerKind } from "./trigger.ts";

function schedule(): Leaf<string> {
  return leaf<string>({
    json: {
      type: "string",
      maxLength: 200,
      examples: ["0 2 * * *", "*/10 * * * * *", "@daily", "@every 10s"],
    },
    parse(value) {
      if (typeof value !== "string") return refuse('must be a cron schedule such as "0 2 * * *"');
      const problem = scheduleProblem(value);
      return problem ?? value.trim().replaceAll(/\s+/g, " ");
    },
  });
}

/** Node's own ICU data decides, as it does when the schedule is computed. */
function isTimeZone(name: string): boolean {
  try {
    return Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}

function timezone(): Leaf<string> {
  return leaf<string>({
    json: { type: "string", examples: ["UTC", "Europe/Berlin"] },
    parse(value) {
      const rule = "must be an IANA time zone such as UTC or Europe/Berlin";
      if (typeof value !== "string" || /^[+-]/.test(value) || value.length > 64) return refuse(rule);
      return isTimeZone(value) ? value : refuse(rule);
    },
  });
}

const PAYLOAD_MAX_BYTES = 262_144;

function payload(): Leaf<string> {
  return leaf<string>({
    json: { type: "string", contentMediaType: "application/json", examples: ['{"mode": "reindex"}'] },
    parse(value) {
      if (typeof value !== "string") {
        return refuse("must be a string that holds JSON", `put it in quotes: '${JSON.stringify(value)}'`);
      }
      if (Buffer.byteLength(value) > PAYLOAD_MAX_BYTES)
        return refuse(`must be at most ${PAYLOAD_MAX_BYTES} bytes`);
      try {
        JSON.parse(value);
        return value;
      } catch (error) {
        return refuse(`must hold JSON: ${error instanceof Error ? error.message : "it does not parse"}`);
      }
    },
  });
}

const MISSED = "the standard is silent about missed and overlapping runs";

interface CronFields {
  schedule: string;
  timezone: string;
  payload?: string;
  overlap: CronTrigger["overlap"];
  catchup: CronTrigger["catchup"];
  catchup_window: number;
  jitter: number;
  at_most_once: boolean;
  retry: RetryFields;
}

/** HIP-60, Cron Trigger. */
export const cron: TriggerKind<CronTrigger> = {
  type: "cron",
  served: false,
  description: "A schedule.",
  schema: once(() => {
    const { z } = zod();
    return z.strictObject({
      type: z.literal("cron"),
      schedule: described(
        schedule(),
        "Five fields, or six with leading seconds; `@yearly`, `@monthly`, `@weekly`, `@daily`, `@hourly`; or `@every 10s`.",
      ),
      timezone: described(timezone().prefault("UTC"), "IANA time zone."),
      payload: described(payload(), "JSON text, parsed into `ctx.data`.").optional(),
      overlap: described(
        choice(["skip", "queue_one", "queue_all", "allow", "replace"]).prefault("skip"),
        "What happens when the last run has not ended.",
        MISSED,
      ),
      catchup: described(
        choice(["none", "last", "all"]).prefault("last"),
        "Which missed runs are made up for.",
        MISSED,
      ),
      catchup_window: described(
        duration({ minMs: 10_000, maxMs: 365 * 86_400_000 }).prefault("1h"),
        "How old a missed run may be to be made up for.",
        MISSED,
      ),
      jitter: described(
        duration({ maxMs: 3_600_000 }).prefault("0s"),
        "Spreads starts evenly over this time after the schedule; never part of the nominal time.",
        "keeps many schedules of the same minute apart",
      ),
      at_most_once: described(
        flag().prefault(false),
        "A run whose outcome is unknown is failed instead of run again.",
        "runs are at least once otherwise",
      ),
      retry: retrySchema({ initial: "1s", max: "60s" }),
    });
  }),
  read(raw) {
    const fields = raw as unknown as CronFields;
    return {
      type: "cron",
      schedule: fields.schedule,
      timezone: fields.timezone,
      ...(fields.payload === undefined ? {} : { payload: fields.payload }),
      overlap: fields.overlap,
      catchup: fields.catchup,
      catchupWindowMs: fields.catchup_window,
      jitterMs: fields.jitter,
      atMostOnce: fields.at_most_once,
      retry: readRetry(fields.retry),
    };
  },
  print: (trigger) => ({
    type: "cron",
    schedule: trigger.schedule,
    timezone: trigger.timezone,
    ...(trigger.payload === undefined ? {} : { payload: trigger.payload }),
    overlap: trigger.overlap,
    catchup: trigger.catchup,
    catchup_window: formatDuration(trigger.catchupWindowMs),
    jitter: formatDuration(trigger.jitterMs),
    at_most_once: trigger.atMostOnce,
    retry: printRetry(trigger.retry),
  }),
  sourceKey: (trigger) => `${trigger.schedule} ${trigger.timezone} ${trigger.payload ?? ""}`,
};
