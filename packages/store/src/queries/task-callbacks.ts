import type { Kysely } from "kysely";
import type { QueueDefinition } from "../queue/definition.ts";
import { createQueue, type Queue } from "../queue/queue.ts";
import type { Database } from "../schema.ts";
import type { TaskCallbackFinalState, TaskCallbackRow } from "../schema-events.ts";

export interface TaskCallbackTypes {
  readonly row: TaskCallbackRow;
  readonly key: "taskId";
  readonly lane: "org" | "host";
  readonly outcome: "statusCode" | "error";
  readonly final: TaskCallbackFinalState;
}

const DEFINITION: QueueDefinition<TaskCallbackTypes> = {
  table: "taskCallbacks",
  key: { taskId: "text" },
  lane: { org: "text", host: "text" },
  outcome: { statusCode: "integer", error: "jsonb" },
};

/** Ends of tasks that somebody is to be told of. The database adds a row when a task with a callback ends. */
export interface TaskCallbackQueries extends Queue<TaskCallbackTypes> {
  get(taskId: string): Promise<TaskCallbackRow | undefined>;
}

export function createTaskCallbackQueries(db: Kysely<Database>): TaskCallbackQueries {
  return {
    ...createQueue(db, DEFINITION),
    get: (taskId) =>
      db.selectFrom("taskCallbacks").selectAll().where("taskId", "=", taskId).executeTakeFirst(),
  };
}
