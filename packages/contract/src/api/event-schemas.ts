/** JSON shapes of triggers, of what they fired, of events that were given up, and of messages that are published. */
import { z } from "zod";
import { count, errorCode, flag, page, paginationSchema, time } from "./shared-schemas.ts";

const REASONS = ["attempts", "expired", "rejected", "unsendable"] as const;

export const triggerSchema = z
  .object({
    id: z.string().meta({ examples: ["trg_01HQ3X7K8M2N4P5R6S7T8U9V0W"] }),
    function: z.string(),
    type: z.string(),
    source: z.string().meta({ description: "Path, subject, topic or schedule." }),
    state: z.enum(["active", "paused", "blocked", "deleting"]),
    reason: z.string().optional(),
    url: z.string().optional(),
    spec: z.record(z.string(), z.unknown()),
    last_error: z.string().optional(),
    last_fired_at: time.optional(),
    next_fire_at: time.optional(),
    created_at: time,
    updated_at: time,
  })
  .meta({ id: "Trigger" });

export const triggerDetailSchema = triggerSchema
  .extend({
    lag: z
      .object({
        seconds: z.number().nonnegative().meta({ description: "Age of the oldest undelivered event." }),
        items: count.meta({ description: "Events that wait to be delivered." }),
      })
      .optional()
      .meta({ description: "Absent for http, and where it cannot be read." }),
  })
  .meta({ id: "TriggerDetail" });

export const triggerRunSchema = z
  .object({
    id: z.string().meta({ examples: ["cron:trg_01HQ3X7K8M2N4P5R6S7T8U9V0W:2026-01-31T12:00:00.000Z"] }),
    scheduled_at: time,
    state: z.enum(["queued", "running", "succeeded", "failed", "skipped", "missed"]),
    attempts: count,
    started_at: time.optional().meta({ description: "Of the latest attempt." }),
    finished_at: time.optional(),
    next_attempt_at: time.optional().meta({ description: "Where it waits." }),
    status: z.int().optional().meta({ description: "Of the latest answer." }),
    error: z.object({ code: z.string(), message: z.string() }).optional(),
    redrive_of: z.string().optional().meta({ description: "The dead letter that it was made from." }),
  })
  .meta({ id: "TriggerRun" });

export const triggerRunListSchema = z.object({
  runs: z.array(triggerRunSchema),
  next: time.optional().meta({ description: "`before` of the next page, where there is one." }),
});

export const deadLetterSchema = z
  .object({
    id: z.string().meta({ examples: ["dl_01HQ3X7K8M2N4P5R6S7T8U9V0W"] }),
    function: z.string(),
    trigger: z.string().meta({ description: "Id of the trigger, which may be gone." }),
    event: z.string().meta({ description: "Id of the event, the same at every delivery." }),
    source: z.string().meta({ description: "Subject, topic or schedule." }),
    reason: z.string().meta({
      description:
        "`attempts`: they are spent; `expired`: it failed for too long; `rejected`: the function will never take it; `unsendable`: the platform cannot send it.",
    }),
    attempts: count,
    status: z.int().optional().meta({ description: "Of the last answer." }),
    error: z.string(),
    bytes: count.optional().meta({
      description: "Size of the payload; in a list only where that is at most 256 KiB.",
    }),
    first_failed_at: time,
    last_failed_at: time,
    parked_at: time,
    redrive_of: z.string().optional().meta({ description: "The dead letter that this event was made from." }),
    redriven_at: time.optional(),
    redriven_as: z.string().optional().meta({ description: "Id of the event that was made from it." }),
  })
  .meta({ id: "DeadLetter" });

export const deadLetterDetailSchema = deadLetterSchema
  .extend({
    headers: z.record(z.string(), z.string()),
    data: z.unknown().optional().meta({ description: "The payload, where it is JSON." }),
    body: z
      .string()
      .optional()
      .meta({ description: "The payload, where it is text or `encoding` says how." }),
    encoding: z.literal("base64").optional(),
    payload_missing: z.literal(true).optional().meta({
      description: "The payload is not in the blob store: the letter cannot be redriven.",
    }),
  })
  .meta({ id: "DeadLetterDetail" });

export const deadLetterListSchema = z.object({
  dead_letters: z.array(deadLetterSchema),
  next: z.string().optional().meta({ description: "`after` of the next page, where there is one." }),
});

/** All that is given has to hold. */
export const deadLetterChoiceSchema = z
  .strictObject({
    ids: z.array(z.string().min(1).max(64)).min(1).max(1000).optional(),
    function: z.string().optional(),
    trigger: z.string().optional(),
    reason: z.enum(REASONS).optional(),
    all: z.literal(true).optional().meta({ description: "Every one of the organisation." }),
    dry_run: z.boolean().optional().meta({ description: "Only say which they are." }),
  })
  .refine((choice) => Object.keys(choice).some((key) => key !== "dry_run"), {
    message: "say which: ids, function, trigger, reason, or all",
  })
  .meta({ id: "DeadLetterChoice" });

export const redriveAnswerSchema = z
  .object({
    matched: count.meta({
      description: "Those that were chosen and not redriven before; at most 1000 at a time.",
    }),
    redriven: z.array(z.object({ id: z.string(), event: z.string() })),
    failed: z
      .array(z.object({ id: z.string(), error: errorCode, msg: z.string(), next: z.string().optional() }))
      .meta({ description: "Those stay as they were." }),
    ids: z.array(z.string()).meta({ description: "Of a dry run: those that would be redriven." }),
    more: z.boolean().meta({ description: "There are more: ask again." }),
  })
  .meta({ id: "Redrive" });

export const purgeAnswerSchema = z.object({ matched: count, purged: count }).meta({ id: "Purge" });

export const triggerListSchema = z.object({ triggers: z.array(triggerSchema), pagination: paginationSchema });

export const publicationSchema = z
  .strictObject({
    subject: z
      .string()
      .min(1)
      .meta({ examples: ["mq.notify.support", "billing_events"] }),
    data: z.json().meta({ description: "Anything; it becomes `data` of the envelope." }),
    id: z.string().optional().meta({
      description:
        "A message that was published with this id before is not kept again, where the broker looks.",
    }),
  })
  .meta({ id: "Publication" });
export const publishedSchema = z
  .object({ id: z.string().meta({ description: "Of the message, in its envelope." }) })
  .meta({ id: "Published" });

export const triggerListQuerySchema = z.strictObject({
  ...page,
  function: z.string().optional(),
  type: z.string().optional(),
});
export const runListQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  before: z.iso
    .datetime()
    .optional()
    .meta({ description: "Only runs that were scheduled before this time." }),
});
export const deadLetterListQuerySchema = z.strictObject({
  function: z.string().optional(),
  trigger: z.string().optional(),
  reason: z.enum(REASONS).optional(),
  redriven: flag.optional().meta({ description: "Only those that were, or were not, redriven." }),
  limit: z.coerce.number().int().min(1).max(100).default(20),
  after: z.string().optional().meta({ description: "Only those that come after this id in the list." }),
});

export type TriggerJson = z.infer<typeof triggerSchema>;
export type TriggerDetailJson = z.infer<typeof triggerDetailSchema>;
export type TriggerRunJson = z.infer<typeof triggerRunSchema>;
export type DeadLetterJson = z.infer<typeof deadLetterSchema>;
export type DeadLetterDetailJson = z.infer<typeof deadLetterDetailSchema>;
export type DeadLetterChoice = z.infer<typeof deadLetterChoiceSchema>;
export type RedriveJson = z.infer<typeof redriveAnswerSchema>;
export type PurgeJson = z.infer<typeof purgeAnswerSchema>;
