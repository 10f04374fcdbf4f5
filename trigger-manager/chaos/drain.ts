import { setTimeout as sleep } from "node:timers/promises";
import { cronRunId } from "@hanzo-fn/contract";
import type { CronFireRow, DeadLetterRow, Store } from "@hanzo-fn/store";
import { isPoison } from "./behaviour.ts";
import { readLedger } from "./evidence.ts";
import type { DeployedSchedule } from "./deploy.ts";
import type { Evidence, Parked } from "./invariants.ts";
import { readLines } from "./ledger-file.ts";
import { ORG, type SourceName } from "./settings.ts";
import type { Accepted } from "./workload.ts";

/** What is known when all has come to its end; of faults only what replicas told. */
export type Found = Omit<Evidence, "published" | "readings" | "forMs">;

export interface Records {
  readonly store: Store;
  readonly ledger: string;
  readonly schedules: readonly DeployedSchedule[];
  /** Times of schedules count up to this one. */
  readonly until: Date;
}

const ALL = 100_000;
const SECOND_MS = 1000;
const LOOK_EVERY_MS = 500;

async function parkedOf({ store }: Records): Promise<Parked[]> {
  const letters: DeadLetterRow[] = await store.deadLetters.list({ filter: { org: ORG }, limit: ALL });
  return letters.map(({ eventId, payload, parkedAt }) => {
    const source: SourceName = eventId.startsWith("mq:")
      ? "mq"
      : eventId.startsWith("cron:")
        ? "cron"
        : "stream";
    const data = source === "cron" ? undefined : (JSON.parse(payload?.toString() ?? "{}") as { n?: string });
    const key = data?.n ?? eventId;
    return { source, event: eventId, key, isPoison: isPoison(key), atMs: parkedAt.getTime() };
  });
}

const runsOf = async ({ store, until }: Records, triggerId: string): Promise<CronFireRow[]> =>
  (await store.cronFires.history({ org: ORG, triggerId, limit: ALL }))
    .filter(({ scheduledAt }) => scheduledAt <= until)
    .toReversed();

/** From the first to the end of the run, a second apart: that is the schedule. */
function timesOf({ firstAt }: DeployedSchedule, until: Date): Date[] {
  const times: Date[] = [];
  for (let at = firstAt.getTime(); at <= until.getTime(); at += SECOND_MS) times.push(new Date(at));
  return times;
}

async function cronEvidence(records: Records) {
  const accepted = new Set<string>();
  const wrong: { source: SourceName; problem: string }[] = [];
  let isOpen = false;
  for (const schedule of records.schedules) {
    const { triggerId } = schedule;
    const runs = await runsOf(records, triggerId);
    const expected = new Set(timesOf(schedule, records.until).map((at) => cronRunId(triggerId, at)));
    const recorded = new Set(runs.map(({ scheduledAt }) => cronRunId(triggerId, scheduledAt)));
    for (const id of expected) {
      accepted.add(id);
      if (recorded.has(id)) continue;
      isOpen = true;
      wrong.push({ source: "cron", problem: `${id} is not in the record` });
    }
    for (const id of recorded)
      if (!expected.has(id)) wrong.push({ source: "cron", problem: `${id} is no time of the schedule` });
    if (runs.length !== recorded.size)
      wrong.push({ source: "cron", problem: `a time of ${triggerId} is in the record twice` });
    for (const run of runs) {
      if (run.state === "queued" || run.state === "running") isOpen = true;
      else if (run.state !== "succeeded")
        wrong.push({ source: "cron", problem: `${cronRunId(triggerId, run.scheduledAt)} has ${run.state}` });
    }
  }
  return { accepted, wrong, isOpen };
}

/** What a database trigger saw of ends of tasks. */
export const WATCH_ENDS = `
  create table chaos_task_ends (id text not null, state text not null);
  create function chaos_task_ended() returns trigger language plpgsql as $$ begin
    insert into chaos_task_ends values (new.id, new.state); return null; end $$;
  create trigger chaos_task_ended after update on tasks for each row
    when (new.state not in ('queued', 'running') and (old.state is distinct from new.state))
    execute function chaos_task_ended()`;

async function taskEvidence(
  query: Query,
  accepted: ReadonlySet<string>,
): Promise<{ readonly wrong: { source: SourceName; problem: string }[]; readonly isOpen: boolean }> {
  const rows = await query<{ id: string; states: string[] }>(
    "select id, array_agg(state) as states from chaos_task_ends group by id",
  );
  const ends = new Map(rows.map(({ id, states }) => [id, states]));
  const wrong = rows
    .filter(({ states }) => states.length > 1 || states[0] !== "succeeded")
    .map(({ id, states }) => ({
      source: "tasks" as const,
      problem: `${id} ended as ${states.join(", then as ")}`,
    }));
  return { wrong, isOpen: [...accepted].some((id) => !ends.has(id)) };
}

export type Query = <T extends object>(sql: string) => Promise<T[]>;

/** What is known so far, and whether something accepted has not come to its end. */
async function look(
  records: Records,
  query: Query,
  accepted: Accepted,
): Promise<{ readonly evidence: Found; readonly isOpen: boolean }> {
  const lines = await readLines(records.ledger);
  const { executions, revoked, stalls: faults } = readLedger(lines);
  const cron = await cronEvidence(records);
  const tasks = await taskEvidence(query, accepted.tasks);
  const parked = await parkedOf(records);
  const done = new Set(executions.filter(({ outcome }) => outcome === "ok").map(({ key }) => key));
  for (const { key } of parked) done.add(key);
  const waits = [...accepted.mq, ...accepted.stream].some((key) => !done.has(key));
  const wrongRecords = [...cron.wrong, ...tasks.wrong];
  return {
    evidence: {
      executions,
      revoked,
      faults,
      parked,
      wrongRecords,
      accepted: { ...accepted, cron: cron.accepted },
    },
    isOpen: waits || cron.isOpen || tasks.isOpen,
  };
}

/** Looks until everything accepted has come to its end, or the time is up; then once more, after the rest. */
export async function drain(
  records: Records,
  query: Query,
  accepted: Accepted,
  patience: {
    readonly withinMs: number;
    readonly rest: () => Promise<void>;
    readonly signal: AbortSignal;
  },
): Promise<Found> {
  const { withinMs, rest, signal } = patience;
  const end = performance.now() + withinMs;
  while ((await look(records, query, accepted)).isOpen && performance.now() < end)
    await sleep(LOOK_EVERY_MS, undefined, { signal });
  await rest();
  return (await look(records, query, accepted)).evidence;
}
