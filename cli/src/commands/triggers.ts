import type { PaginationJson, TriggerDetailJson, TriggerJson, TriggerRunJson } from "@hanzo-fn/contract/api";
import { type Client, createClient } from "../client.ts";
import { type Command, EXIT, type Invocation, UsageError } from "../command.ts";
import { age, type Field, printFields, printTable } from "../output.ts";
import { segment } from "../words.ts";

const ago = (time: string | undefined): string => (time === undefined ? "-" : `${age(time, Date.now())} ago`);

async function fetchTriggers(client: Client, { flags }: Invocation): Promise<TriggerJson[]> {
  const query = new URLSearchParams({ pageSize: "100" });
  for (const name of ["function", "type"]) {
    const value = flags.text(name);
    if (value !== undefined) query.set(name, value);
  }
  const found: TriggerJson[] = [];
  for (let page = 1, more = true; more; page++) {
    query.set("page", String(page));
    const answer = await client.call<{ triggers: TriggerJson[]; pagination: PaginationJson }>(
      "GET",
      `/v1/triggers?${query}`,
    );
    found.push(...answer.triggers);
    more = answer.pagination.hasNext;
  }
  return found;
}

async function list(client: Client, invocation: Invocation): Promise<void> {
  const { output } = invocation;
  const rows = await fetchTriggers(client, invocation);
  await output.result(
    rows,
    () =>
      printTable(
        output,
        [
          { title: "ID", value: (row) => row.id },
          { title: "FUNCTION", value: (row) => row.function },
          { title: "TYPE", value: (row) => row.type },
          { title: "SOURCE", value: (row) => row.source },
          { title: "STATE", value: (row) => row.state },
          { title: "LAST FIRED", value: (row) => ago(row.last_fired_at) },
          { title: "NEXT FIRE", value: (row) => row.next_fire_at ?? "-" },
          { title: "REASON", value: (row) => row.reason ?? "", wide: true },
          { title: "LAST ERROR", value: (row) => row.last_error ?? "", wide: true },
        ],
        rows,
      ),
    () => rows.map(({ id }) => id),
  );
}

async function show({ output }: Invocation, trigger: TriggerDetailJson): Promise<void> {
  const { lag } = trigger;
  const fields: readonly Field[] = [
    ["Trigger:", `${trigger.id} (${trigger.type} of ${trigger.function})`],
    ["Source:", trigger.source],
    ["State:", trigger.reason === undefined ? trigger.state : `${trigger.state}: ${trigger.reason}`],
    ["URL:", trigger.url],
    ["Last fired:", trigger.last_fired_at],
    ["Next fire:", trigger.next_fire_at],
    ["Last error:", trigger.last_error],
    ["Lag:", lag && `${lag.items} waiting, the oldest for ${lag.seconds.toFixed(1)} s`],
  ];
  await output.result(
    trigger,
    () => printFields(output, fields),
    () => [trigger.id],
  );
}

async function runs(client: Client, { output, flags }: Invocation, id: string): Promise<void> {
  const limit = flags.text("limit") ?? "20";
  const path = `/v1/triggers/${segment(id)}/runs?limit=${encodeURIComponent(limit)}`;
  const rows = (await client.call<{ runs: TriggerRunJson[] }>("GET", path)).runs;
  await output.result(
    rows,
    () =>
      printTable(
        output,
        [
          { title: "SCHEDULED", value: (row) => row.scheduled_at },
          { title: "STATE", value: (row) => row.state },
          { title: "ATTEMPTS", value: (row) => String(row.attempts) },
          { title: "STARTED", value: (row) => row.started_at ?? "-" },
          { title: "FINISHED", value: (row) => row.finished_at ?? "-" },
          { title: "STATUS", value: (row) => String(row.status ?? "-") },
          { title: "ERROR", value: (row) => row.error?.message ?? "" },
          { title: "REDRIVE OF", value: (row) => row.redrive_of ?? "", wide: true },
        ],
        rows,
      ),
    () => rows.map((row) => row.id),
  );
}

const ACTIONS = ["list", "get", "pause", "resume", "runs"] as const;

export const triggers: Command = {
  name: "triggers",
  summary: "List triggers, show one, pause or resume it, or see what it fired",
  description:
    "A paused trigger starts nothing: its schedule stands still, and what was recorded before waits. Resumed, it fires at its next time from then.",
  args: [
    { name: "action", required: true, summary: ACTIONS.join(", "), choices: ACTIONS },
    { name: "id", required: false, summary: "the trigger, for all but list" },
  ],
  flags: [
    { name: "function", type: "string", value: "NAME", summary: "list: only of this function" },
    { name: "type", type: "string", value: "TYPE", summary: "list: only of this type" },
    { name: "limit", type: "string", value: "N", summary: "runs: the newest N, at most 100 (default 20)" },
  ],
  examples: [
    "hanzo-fn triggers list --type cron",
    "hanzo-fn triggers get trg_01HQ3X7K8M2N4P5R6S7T8U9V0W",
    "hanzo-fn triggers pause trg_01HQ3X7K8M2N4P5R6S7T8U9V0W",
    "hanzo-fn triggers runs trg_01HQ3X7K8M2N4P5R6S7T8U9V0W --limit 5",
  ],
  async run(invocation) {
    const client = await createClient(invocation);
    const [action, id] = invocation.args;
    if (action === "list") {
      await list(client, invocation);
      return EXIT.ok;
    }
    if (id === undefined) throw new UsageError("ID is missing");
    if (action === "runs") {
      await runs(client, invocation, id);
      return EXIT.ok;
    }
    const path = `/v1/triggers/${segment(id)}`;
    if (action === "get") await show(invocation, await client.call<TriggerDetailJson>("GET", path));
    else await show(invocation, await client.call<TriggerDetailJson>("POST", `${path}/${action}`));
    return EXIT.ok;
  },
};
