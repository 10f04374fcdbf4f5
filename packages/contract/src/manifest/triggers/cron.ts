import { formatDuration } from "../../duration.ts";
import { leaf, refuse, type Leaf } from "../../document/leaf.ts";
import { choice, described, duration, flag } from "../../document/leaves.ts";
import { once, zod } from "../../document/lazy.ts";
import type { CronTrigger } from "../types.ts";
import { isTimeZone, parseSchedule } from "./cron-schedule.ts";
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
      const schedule = parseSchedule(value);
      return "refused" in schedule ? schedule : value.trim().replaceAll(/\s+/g, " ");
    },
  });
}

function timezone(): Leaf<string> {
  return leaf<string>({
    json: { type: "string", examples: ["UTC", "Europe/Berlin"] },
    parse(value) {
      if (typeof value === "string" && isTimeZone(value)) return value;
      return refuse("must be an IANA time zone such as UTC or Europe/Berlin");
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
  description: "A schedule.",
  schema: once(() => {
    const { z } = zod();
    return z.strictObject({
      type: z.literal("cron"),
      schedule: described(
        schedule(),
        "Five fields, or six with leading seconds; `@yearly`, `@monthly`, `@weekly`, `@daily`, `@hourly`; or `@every 10s`, counted from the epoch.",
      ),
      timezone: described(
        timezone().prefault("UTC"),
        "IANA time zone. Where its clock is set, a time that is skipped fires once, where the gap ends, and a time that comes twice fires at the first, or at both where the hours are `*` or `*/n`. With `*` nothing is made up for in a gap.",
      ),
      payload: described(payload(), "JSON text, parsed into `ctx.data`.").optional(),
      overlap: described(
        choice(["skip", "queue_one", "queue_all", "allow", "replace"]).prefault("skip"),
        "What happens when the last run has not ended: the new one is skipped, waits (the newest alone, or all), runs beside it, or replaces it.",
        MISSED,
      ),
      catchup: described(
        choice(["none", "last", "all"]).prefault("last"),
        "Which missed runs (seen more than 10 s late) are made up for: none, the newest, or all, as far as `overlap` allows.",
        MISSED,
      ),
      catchup_window: described(
        duration({ minMs: 10_000, maxMs: 365 * 86_400_000 }).prefault("1h"),
        "How old a missed run may be to be made up for.",
        MISSED,
      ),
      jitter: described(
        duration({ maxMs: 3_600_000 }).prefault("0s"),
        "Spreads starts evenly over this time after the schedule, never up to its next time; never part of the nominal time.",
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
