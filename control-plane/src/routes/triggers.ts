import { PlatformError } from "@hanzo-fn/contract";
import type { runListQuerySchema, TriggerDetailJson, triggerListQuerySchema } from "@hanzo-fn/contract/api";
import type { TriggerRow } from "@hanzo-fn/store";
import type { z } from "zod";
import { type Call, type Handlers, jsonResponse } from "../app.ts";
import type { Control } from "../control.ts";
import { pageOf } from "../page.ts";
import { paginationOf, triggerJson } from "../present.ts";
import { runJson } from "../present-events.ts";
import { pauseSchedule } from "../schedules.ts";

type Own = "listTriggers" | "getTrigger" | "pauseTrigger" | "resumeTrigger" | "listTriggerRuns";

const COMPONENT = "control-plane";

async function requireTrigger({ store }: Control, { org, params }: Call): Promise<TriggerRow> {
  const id = params["id"] as string;
  const row = await store.triggers.get(org, id);
  if (row !== undefined) return row;
  throw new PlatformError("not_found", `trigger ${id} does not exist`, {
    component: COMPONENT,
    next: "hanzo-fn triggers list",
  });
}

async function list({ store, view }: Control, call: Call): Promise<Response> {
  const query = call.query as z.infer<typeof triggerListQuerySchema>;
  const { page, pageSize } = query;
  const found = await store.triggers.list({ org: call.org, ...query });
  return jsonResponse({
    triggers: found.items.map((row) => triggerJson(row, view)),
    pagination: paginationOf(page, pageSize, found.total),
  });
}

async function get(control: Control, call: Call): Promise<Response> {
  const row = await requireTrigger(control, call);
  const lag = row.type === "http" ? undefined : await control.triggers.lag(row);
  return jsonResponse({
    ...triggerJson(row, control.view),
    ...(lag === undefined ? {} : { lag: { ...lag } }),
  } satisfies TriggerDetailJson);
}

/** The row and, of a schedule, its next time in one transaction; the event plane hears of it when that commits. */
async function pause(control: Control, call: Call, paused: boolean): Promise<Response> {
  const { store, clock, triggers, view } = control;
  const { type, function: fn, id } = await requireTrigger(control, call);
  if (type === "http") {
    throw new PlatformError("unsupported", "an http trigger has no events that could wait", {
      component: COMPONENT,
      function: fn,
      next: "deploy without the trigger to close its path",
    });
  }
  const now = new Date(clock.now());
  const row = await store.withTransaction(async (tx) => {
    await tx.lockFunction(call.org, fn);
    const before = await tx.triggers.get(call.org, id);
    // What is so already keeps its next time.
    if (before !== undefined && (before.state === "paused") === paused && before.state !== "deleting")
      return before;
    const changed = await tx.triggers.setPaused(call.org, id, paused, now);
    if (changed === undefined) return undefined;
    await tx.notifyChange(call.org, fn);
    if (type !== "cron") return changed;
    return { ...changed, nextFireAt: await pauseSchedule(tx, changed, triggers.times, paused) };
  });
  if (row !== undefined) return jsonResponse(triggerJson(row, view));
  throw new PlatformError("conflict", `trigger ${id} is being deleted`, {
    component: COMPONENT,
    function: fn,
    next: "hanzo-fn triggers list",
  });
}

async function runs(control: Control, call: Call): Promise<Response> {
  const { id: triggerId, org, type, function: fn } = await requireTrigger(control, call);
  if (type !== "cron") {
    throw new PlatformError("unsupported", `only cron triggers keep a record of their runs, not ${type}`, {
      component: COMPONENT,
      function: fn,
      next: `hanzo-fn logs ${fn}`,
    });
  }
  const { limit, before } = call.query as z.infer<typeof runListQuerySchema>;
  const page = {
    org,
    triggerId,
    limit: limit + 1,
    before: before === undefined ? undefined : new Date(before),
  };
  const rows = await control.store.cronFires.history(page);
  const { shown, following } = pageOf(rows, limit, ({ scheduledAt }) => scheduledAt.toISOString());
  return jsonResponse({ runs: shown.map(runJson), ...following });
}

export function triggerHandlers(control: Control): Pick<Handlers, Own> {
  return {
    listTriggers: (call) => list(control, call),
    getTrigger: (call) => get(control, call),
    pauseTrigger: (call) => pause(control, call, true),
    resumeTrigger: (call) => pause(control, call, false),
    listTriggerRuns: (call) => runs(control, call),
  };
}
