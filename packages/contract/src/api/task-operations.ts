import type { Operation } from "./operations.ts";
import { emptyQuerySchema, invokeQuerySchema, logEntrySchema } from "./schemas.ts";
import * as s from "./task-schemas.ts";

const OF_FUNCTION = "/v1/functions/{name}/tasks/{id}";
const OWN = "/v1/tasks/{id}";

const get = {
  method: "GET",
  tag: "tasks",
  permission: "functions:read",
  status: 200,
} as const;
const show = {
  ...get,
  summary: "Show an asynchronous call: its status, attempts, and response or error",
  query: s.taskWaitQuerySchema,
  response: { kind: "json", schema: s.taskSchema },
  errors: ["not_found", "bad_request"],
} as const;
const result = {
  ...get,
  summary: "The body that the function answered with, as it came; `X-Function-Status` is its status",
  query: s.taskWaitQuerySchema,
  response: { kind: "raw" },
  errors: ["not_found", "not_ready", "bad_request"],
} as const;
const logs = {
  ...get,
  summary: "Stream what the function logged during the call, as server-sent events",
  query: s.taskLogQuerySchema,
  response: { kind: "events", schema: logEntrySchema },
  errors: ["not_found", "bad_request"],
} as const;
const cancel = {
  method: "POST",
  summary: "Cancel an asynchronous call; one that runs is cut",
  tag: "tasks",
  permission: "functions:invoke",
  query: emptyQuerySchema,
  status: 200,
  response: { kind: "json", schema: s.taskSchema },
  errors: ["not_found", "conflict"],
} as const;

/** Asynchronous calls: each under its function and, by its id alone, under `/v1/tasks`. */
export const TASK_OPERATIONS = [
  {
    id: "invokeFunctionAsync",
    method: "POST",
    path: "/v1/functions/{name}/invoke-async",
    summary: "Queue a call; it is kept once this answers",
    tag: "tasks",
    permission: "functions:invoke",
    query: invokeQuerySchema,
    request: { kind: "raw" },
    status: 202,
    response: { kind: "json", schema: s.taskAcceptedSchema },
    errors: ["not_found", "bad_request", "conflict", "payload_too_large", "rate_limited", "storage_full"],
  },
  {
    id: "listTasks",
    ...get,
    path: "/v1/functions/{name}/tasks",
    summary: "List the asynchronous calls of a function, newest first",
    query: s.taskListQuerySchema,
    response: { kind: "json", schema: s.taskListSchema },
    errors: ["not_found", "bad_request"],
  },
  { id: "getTask", path: OF_FUNCTION, ...show },
  { id: "getTaskResult", path: `${OF_FUNCTION}/result`, ...result },
  { id: "getTaskLogs", path: `${OF_FUNCTION}/logs`, ...logs },
  { id: "cancelTask", path: `${OF_FUNCTION}/cancel`, ...cancel },
  { id: "getTaskById", path: OWN, ...show },
  { id: "getTaskResultById", path: `${OWN}/result`, ...result },
  { id: "getTaskLogsById", path: `${OWN}/logs`, ...logs },
  { id: "cancelTaskById", path: `${OWN}/cancel`, ...cancel },
  {
    id: "getCallbackKey",
    ...get,
    path: "/v1/callback-key",
    summary: "The key that callbacks to this organisation are signed with",
    permission: "functions:deploy",
    query: emptyQuerySchema,
    response: { kind: "json", schema: s.callbackKeySchema },
    errors: [],
  },
] as const satisfies readonly Operation[];
