import type { TaskJson, TaskListJson, TaskSummaryJson } from "@hanzo-fn/contract/api";
import { type Client, createClient } from "../client.ts";
import { type Command, EXIT, type Invocation, UsageError } from "../command.ts";
import { age, type Field, printFields, printTable } from "../output.ts";
import { segment } from "../words.ts";

const FINAL = new Set(["succeeded", "failed", "timeout", "cancelled", "expired"]);
/** The longest that the API waits. */
const WAIT = "60s";

/** The task once it has ended. */
export async function waitForTask(client: Client, id: string): Promise<TaskJson> {
  for (;;) {
    const task = await client.call<TaskJson>("GET", `/v1/tasks/${segment(id)}?wait=${WAIT}`);
    if (FINAL.has(task.status)) return task;
  }
}

/** What a task means for the command that waited for it. */
export function exitCodeOfTask({ status }: Pick<TaskJson, "status">): number {
  if (status === "failed") return EXIT.functionError;
  if (status === "timeout" || status === "expired") return EXIT.timeout;
  return status === "cancelled" ? EXIT.interrupted : EXIT.ok;
}

function lastWords(task: TaskSummaryJson): string {
  return task.error === undefined ? "" : `${task.error.code}: ${task.error.message}`;
}

async function list(client: Client, invocation: Invocation, name: string): Promise<number> {
  const { flags, output } = invocation;
  const limit = Number(flags.text("limit") ?? "20");
  if (!Number.isInteger(limit) || limit < 1) throw new UsageError("--limit takes a whole number from 1");
  const tasks: TaskSummaryJson[] = [];
  const query = new URLSearchParams();
  const state = flags.text("state");
  if (state !== undefined) query.set("state", state);
  while (tasks.length < limit) {
    query.set("limit", String(Math.min(100, limit - tasks.length)));
    const page = await client.call<TaskListJson>("GET", `/v1/functions/${segment(name)}/tasks?${query}`);
    tasks.push(...page.tasks);
    if (page.next === undefined) break;
    query.set("after", page.next);
  }
  await output.result(
    tasks,
    () =>
      printTable(
        output,
        [
          { title: "TASK", value: (row) => row.task_id },
          { title: "STATUS", value: (row) => row.status },
          { title: "ATTEMPTS", value: (row) => String(row.attempts) },
          { title: "AGE", value: (row) => age(row.created_at, Date.now()) },
          { title: "REQUEST", value: (row) => row.request_id, wide: true },
          { title: "ERROR", value: lastWords },
        ],
        tasks,
      ),
    () => tasks.map((row) => row.task_id),
  );
  return EXIT.ok;
}

function printTask(invocation: Invocation, task: TaskJson): void {
  const { output } = invocation;
  const { response, callback } = task;
  const fields: readonly Field[] = [
    ["task", task.task_id],
    ["function", task.revision ?? task.function],
    ["status", task.status],
    ["attempts", String(task.attempts)],
    ["created", task.created_at],
    ["next attempt", task.next_attempt_at],
    ["started", task.started_at],
    ["finished", task.finished_at],
    ["error", task.error === undefined ? undefined : lastWords(task)],
    ["answer", response === undefined ? undefined : `${response.status}, ${response.body_bytes} bytes`],
    ["callback", callback === undefined ? undefined : `${callback.state}, ${callback.attempts} attempts`],
    ["request", task.request_id],
  ];
  printFields(output, fields, "  ");
  if (response?.body !== undefined) {
    output.line("");
    output.line(
      typeof response.body === "string" ? response.body : JSON.stringify(response.body, undefined, 2),
    );
  }
}

export const tasks: Command = {
  name: "tasks",
  summary: "List, show or cancel asynchronous calls",
  description: "`hanzo-fn invoke --async` makes them. `key` prints the key that callbacks are signed with.",
  args: [
    {
      name: "action",
      required: true,
      summary: "list, get, cancel or key",
      choices: ["list", "get", "cancel", "key"],
    },
    {
      name: "name",
      required: false,
      summary: "of list the function, of get and cancel the task",
      completes: "functions",
    },
  ],
  flags: [
    {
      name: "state",
      type: "string",
      value: "STATE",
      summary: "list only tasks in this state",
      choices: ["queued", "running", ...FINAL],
    },
    { name: "limit", type: "string", value: "N", summary: "list at most N (default 20)" },
    { name: "wait", type: "boolean", summary: "get: wait until the task has ended" },
  ],
  examples: [
    "hanzo-fn tasks list embed-document --state failed",
    "hanzo-fn tasks get task_01HQ3X7K8M2N4P5R6S7T8U9V0W --wait",
    "hanzo-fn tasks cancel task_01HQ3X7K8M2N4P5R6S7T8U9V0W",
  ],
  async run(invocation) {
    const client = await createClient(invocation);
    const { args, flags, output } = invocation;
    const [action, argument] = args;
    if (action === "key") {
      const answer = await client.call<{ key: string }>("GET", "/v1/callback-key");
      await output.result(answer, () => output.line(answer.key));
      return EXIT.ok;
    }
    if (argument === undefined)
      throw new UsageError(action === "list" ? "NAME is missing" : "TASK is missing");
    if (action === "list") return list(client, invocation, argument);
    const path = `/v1/tasks/${segment(argument)}`;
    if (action === "cancel") {
      const task = await client.call<TaskJson>("POST", `${path}/cancel`);
      await output.result(
        task,
        () => output.note(`Cancelled ${task.task_id}.`),
        () => [task.task_id],
      );
      return EXIT.ok;
    }
    const wait = flags.on("wait");
    const task = wait ? await waitForTask(client, argument) : await client.call<TaskJson>("GET", path);
    await output.result(
      task,
      () => printTask(invocation, task),
      () => [task.task_id],
    );
    return wait ? exitCodeOfTask(task) : EXIT.ok;
  },
};
