import { z } from "zod";
import { count, flag, time } from "./shared-schemas.ts";

export const TASK_STATES = [
  "queued",
  "running",
  "succeeded",
  "failed",
  "timeout",
  "cancelled",
  "expired",
] as const;

const stateSchema = z.enum(TASK_STATES).meta({ description: "The last five are final." });

const errorSchema = z.object({
  code: z.string().meta({ description: "A code of the error table, or `http_<status>`." }),
  message: z.string(),
});

const summaryFields = {
  task_id: z.string().meta({ examples: ["task_01HQ3X7K8M2N4P5R6S7T8U9V0W"] }),
  function: z.string(),
  status: stateSchema,
  attempts: count.meta({ description: "Attempts that counted, a running one included." }),
  revision: z.string().optional().meta({ description: "Where the caller pinned one." }),
  request_id: z.string().meta({ description: "`X-Request-ID` of every attempt." }),
  created_at: time,
  expires_at: time.meta({ description: "No attempt starts after it." }),
  next_attempt_at: time.optional().meta({ description: "Of a task that waits to be tried again." }),
  started_at: time.optional().meta({ description: "Of the latest attempt." }),
  finished_at: time.optional(),
  error: errorSchema.optional().meta({ description: "Why the latest attempt did not succeed." }),
};

export const taskSummarySchema = z.object(summaryFields).meta({ id: "TaskSummary" });

const responseSchema = z.object({
  status: z.int(),
  headers: z.record(z.string(), z.string()),
  body: z.unknown().optional().meta({
    description: "JSON as such, other text as a string, anything else in base64. Absent where it is large.",
  }),
  encoding: z.literal("base64").optional(),
  body_bytes: count,
  body_url: z.string().optional().meta({ description: "Path of the body's bytes, where there are any." }),
});

const callbackSchema = z.object({
  url: z.string(),
  state: z.enum(["waiting", "queued", "running", "delivered", "failed"]),
  attempts: count,
  status_code: z.int().optional(),
  error: errorSchema.optional(),
});

export const taskSchema = z
  .object({ ...summaryFields, response: responseSchema.optional(), callback: callbackSchema.optional() })
  .meta({ id: "Task" });

export const taskAcceptedSchema = z
  .object({ task_id: z.string(), status: z.literal("queued") })
  .meta({ id: "TaskAccepted", description: "The call is kept; `Location` is where its status is." });

export const taskListSchema = z.object({
  tasks: z.array(taskSummarySchema),
  next: z.string().optional().meta({ description: "`after` of the next page; absent on the last one." }),
});

export const callbackKeySchema = z
  .object({ key: z.string(), algorithm: z.literal("hmac-sha256") })
  .meta({ id: "CallbackKey" });

export const taskListQuerySchema = z.strictObject({
  state: stateSchema.optional(),
  after: z
    .string()
    .max(64)
    .optional()
    .meta({ description: "Only tasks that were accepted before this one." }),
  limit: z.coerce.number().int().min(1).max(100).default(20),
});

export const taskWaitQuerySchema = z.strictObject({
  wait: z.string().optional().meta({
    description: "A duration of at most 60s: answer when the task has ended, or then.",
  }),
});

export const taskLogQuerySchema = z.strictObject({
  follow: flag.optional(),
  limit: z.coerce.number().int().min(1).max(10_000).optional(),
});

export type TaskState = (typeof TASK_STATES)[number];
export type TaskJson = z.infer<typeof taskSchema>;
export type TaskSummaryJson = z.infer<typeof taskSummarySchema>;
export type TaskAcceptedJson = z.infer<typeof taskAcceptedSchema>;
export type TaskListJson = z.infer<typeof taskListSchema>;
export type CallbackKeyJson = z.infer<typeof callbackKeySchema>;
