import type {
  DeadLetterChoice,
  DeadLetterDetailJson,
  DeadLetterJson,
  PurgeJson,
  RedriveJson,
} from "@hanzo-fn/contract/api";
import { type Client, createClient } from "../client.ts";
import { type Command, EXIT, type Invocation, UsageError } from "../command.ts";
import { age, bytes, type Field, printFields, printTable } from "../output.ts";
import { segment } from "../words.ts";

const FILTERS = ["function", "trigger", "reason"] as const;

async function list(client: Client, { output, flags }: Invocation): Promise<void> {
  const query = new URLSearchParams({ limit: flags.text("limit") ?? "20" });
  for (const name of FILTERS) {
    const value = flags.text(name);
    if (value !== undefined) query.set(name, value);
  }
  const answer = await client.call<{ dead_letters: DeadLetterJson[]; next?: string }>(
    "GET",
    `/v1/dead-letters?${query}`,
  );
  const rows = answer.dead_letters;
  await output.result(
    rows,
    () => {
      printTable(
        output,
        [
          { title: "ID", value: (row) => row.id },
          { title: "FUNCTION", value: (row) => row.function },
          { title: "SOURCE", value: (row) => row.source },
          { title: "REASON", value: (row) => row.reason },
          { title: "ATTEMPTS", value: (row) => String(row.attempts) },
          { title: "AGE", value: (row) => age(row.parked_at, Date.now()) },
          { title: "REDRIVEN", value: (row) => (row.redriven_at === undefined ? "-" : "yes") },
          { title: "ERROR", value: (row) => row.error },
          { title: "TRIGGER", value: (row) => row.trigger, wide: true },
          { title: "EVENT", value: (row) => row.event, wide: true },
        ],
        rows,
      );
      if (answer.next !== undefined) output.note("There are more: --limit shows up to 100.");
    },
    () => rows.map(({ id }) => id),
  );
}

async function show(client: Client, { output }: Invocation, id: string): Promise<void> {
  const letter = await client.call<DeadLetterDetailJson>("GET", `/v1/dead-letters/${segment(id)}`);
  const redriven =
    letter.redriven_at === undefined ? undefined : `${letter.redriven_at} as ${letter.redriven_as ?? "?"}`;
  const fields: readonly Field[] = [
    ["Dead letter:", letter.id],
    ["Event:", `${letter.event} from ${letter.source}`],
    ["Function:", letter.function],
    ["Trigger:", letter.trigger],
    ["Why:", `${letter.reason} after ${letter.attempts} attempts: ${letter.error}`],
    ["Failed:", `${letter.first_failed_at} to ${letter.last_failed_at}`],
    ["Redrive of:", letter.redrive_of],
    ["Redriven:", redriven],
    ["Payload:", letter.bytes === undefined ? "not in the blob store" : bytes(letter.bytes)],
  ];
  await output.result(
    letter,
    () => {
      printFields(output, fields);
      if (letter.payload_missing !== true) output.line(letter.body ?? JSON.stringify(letter.data));
    },
    () => [letter.id],
  );
}

function choiceOf({ flags, args }: Invocation): DeadLetterChoice {
  const ids = args.slice(1);
  const choice: Record<string, unknown> = {
    ...(ids.length > 0 && { ids }),
    ...(flags.on("all") && { all: true }),
    ...(flags.on("dry-run") && { dry_run: true }),
  };
  for (const name of FILTERS) {
    const value = flags.text(name);
    if (value !== undefined) choice[name] = value;
  }
  if (Object.keys(choice).some((key) => key !== "dry_run")) return choice as DeadLetterChoice;
  throw new UsageError("say which: IDs, --function, --trigger, --reason or --all");
}

async function redrive(client: Client, invocation: Invocation): Promise<number> {
  const { output } = invocation;
  const answer = await client.call<RedriveJson>("POST", "/v1/dead-letters/redrive", choiceOf(invocation));
  await output.result(
    answer,
    () => {
      for (const id of answer.ids) output.line(id);
      for (const { id, event } of answer.redriven) output.line(`${id} is now ${event}`);
    },
    () => [...answer.ids, ...answer.redriven.map(({ event }) => event)],
  );
  for (const { id, msg, next } of answer.failed) {
    output.problem(`${id}: ${msg}`);
    if (next !== undefined) output.problem(`  next: ${next}`);
  }
  if (answer.matched === 0) output.note("Nothing to redrive.");
  if (answer.more) output.note("There are more: run it again.");
  return answer.failed.length > 0 ? EXIT.conflict : EXIT.ok;
}

async function purge(client: Client, invocation: Invocation): Promise<void> {
  const { output } = invocation;
  const answer = await client.call<PurgeJson>("POST", "/v1/dead-letters/purge", choiceOf(invocation));
  const isDry = invocation.flags.on("dry-run");
  await output.result(answer, () =>
    output.line(isDry ? `${answer.matched} would be deleted` : `${answer.purged} deleted`),
  );
}

const ACTIONS = ["list", "show", "redrive", "purge"] as const;

export const deadLetters: Command = {
  name: "dead-letters",
  summary: "List the events that were given up, show them, deliver them again or delete them",
  description:
    "A redriven event is a new one with an id of its own; each dead letter is redriven at most once. Redrive and purge need ids, a filter, or --all.",
  args: [
    { name: "action", required: true, summary: ACTIONS.join(", "), choices: ACTIONS },
    {
      name: "id",
      required: false,
      rest: true,
      summary: "dead letters: one for show, any for redrive and purge",
    },
  ],
  flags: [
    {
      name: "function",
      type: "string",
      value: "NAME",
      summary: "only of this function",
      completes: "functions",
    },
    { name: "trigger", type: "string", value: "ID", summary: "only of this trigger" },
    {
      name: "reason",
      type: "string",
      value: "REASON",
      summary: "only those given up for this reason",
      choices: ["attempts", "expired", "rejected", "unsendable"],
    },
    { name: "limit", type: "string", value: "N", summary: "list: the newest N, at most 100 (default 20)" },
    { name: "all", type: "boolean", summary: "redrive, purge: every one of the organisation" },
    { name: "dry-run", type: "boolean", summary: "redrive, purge: only say which they are" },
  ],
  examples: [
    "hanzo-fn dead-letters list --function nightly",
    "hanzo-fn dead-letters show dl_01HQ3X7K8M2N4P5R6S7T8U9V0W",
    "hanzo-fn dead-letters redrive --function nightly --dry-run",
    "hanzo-fn dead-letters purge --reason rejected",
  ],
  async run(invocation) {
    const client = await createClient(invocation);
    const [action, id] = invocation.args;
    if (action === "list") await list(client, invocation);
    else if (action === "purge") await purge(client, invocation);
    else if (action === "redrive") return redrive(client, invocation);
    else if (id === undefined) throw new UsageError("ID is missing");
    else await show(client, invocation, id);
    return EXIT.ok;
  },
};
