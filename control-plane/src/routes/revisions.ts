import { PlatformError } from "@hanzo-fn/contract";
import type { pageQuerySchema, TrafficRequest, waitQuerySchema } from "@hanzo-fn/contract/api";
import type { FunctionAggregate, RevisionRow } from "@hanzo-fn/store";
import type { z } from "zod";
import { type Call, type Handlers, jsonResponse } from "../app.ts";
import type { Control } from "../control.ts";
import { summarise } from "../figures.ts";
import { paginationOf, revisionDetailJson, revisionJson, trafficJson } from "../present.ts";
import { requireFunction, requireRevision, revisionNumber, waitMs } from "../queries.ts";
import { planTraffic, type TrafficWish } from "../traffic.ts";
import { trafficRevision } from "../traffic-rows.ts";

type Own = "listRevisions" | "getRevision" | "setTraffic";

const HOUR_MS = 3_600_000;

async function list(control: Control, call: Call): Promise<Response> {
  const { page, pageSize } = call.query as z.infer<typeof pageQuerySchema>;
  const { revisions } = await requireFunction(control.store, call.org, call.params["name"] as string);
  const shown = revisions.slice((page - 1) * pageSize, page * pageSize);
  return jsonResponse({
    revisions: shown.map((row) => revisionJson(row, control.view)),
    pagination: paginationOf(page, pageSize, revisions.length),
  });
}

/** The revision once it is ready or failed and the proxies of this process know it, or as it is when time is up. */
async function settledRevision(
  control: Control,
  call: Call,
): Promise<{ aggregate: FunctionAggregate; row: RevisionRow }> {
  const name = call.params["name"] as string;
  const until = control.clock.monotonic() + waitMs((call.query as z.infer<typeof waitQuerySchema>).wait);
  for (;;) {
    const left = until - control.clock.monotonic();
    const seen = new AbortController();
    const gone = AbortSignal.any([call.signal, seen.signal]);
    // Listened for before the row is read, so that no change falls between the two.
    const changed =
      left > 0 ? control.reconciler.changed(call.org, name, Math.min(left, 1000), gone) : undefined;
    try {
      const aggregate = await requireFunction(control.store, call.org, name);
      const row = requireRevision(aggregate, call.params["rev"] as string);
      const terminal = row.state === "ready" || row.state === "failed";
      if (terminal && left > 0) await control.reconciler.settled(call.org, name);
      if (terminal || left <= 0 || call.signal.aborted) return { aggregate, row };
      await changed;
    } finally {
      seen.abort();
    }
  }
}

async function detail(control: Control, call: Call): Promise<Response> {
  const { row } = await settledRevision(control, call);
  const now = control.clock.now();
  const figures = await control.store.figures.query({
    org: call.org,
    function: row.function,
    since: new Date(now - HOUR_MS),
    until: new Date(now + 1),
    revision: revisionJson(row, control.view).name,
  });
  return jsonResponse(
    revisionDetailJson(
      row,
      summarise(figures, () => row.resources.memoryBytes),
      control.view,
    ),
  );
}

function wishOf(name: string, request: TrafficRequest): TrafficWish {
  if ("latest" in request) return { kind: "latest" };
  if ("rollback" in request) return { kind: "rollback" };
  if ("revision" in request) {
    return { kind: "share", number: revisionNumber(name, request.revision), percent: request.percent };
  }
  const shares = new Map<number, number>();
  for (const target of request.traffic) {
    const number = revisionNumber(name, target.revisionName);
    if (shares.has(number)) {
      throw new PlatformError("bad_request", `revision ${target.revisionName} is named twice`, {
        component: "control-plane",
      });
    }
    shares.set(number, target.percent);
  }
  return { kind: "split", shares };
}

async function setTraffic(control: Control, call: Call): Promise<Response> {
  const name = call.params["name"] as string;
  const { store } = control;
  await requireFunction(store, call.org, name);
  const wish = wishOf(name, call.body as TrafficRequest);
  await store.withTransaction(async (tx) => {
    await tx.lockFunction(call.org, name);
    const rows = await tx.revisions.list(call.org, name);
    const plan = planTraffic(name, rows.map(trafficRevision), wish);
    const now = new Date(control.clock.now());
    await tx.revisions.setTraffic(call.org, name, plan.shares, now);
    await tx.functions.update(call.org, name, { trafficMode: plan.mode }, now);
    await tx.notifyChange(call.org, name);
  });
  await control.reconciler.kick(call.org, name);
  const after = await requireFunction(store, call.org, name);
  return jsonResponse(trafficJson(after.function, after.revisions));
}

export function revisionHandlers(control: Control): Pick<Handlers, Own> {
  return {
    listRevisions: (call) => list(control, call),
    getRevision: (call) => detail(control, call),
    setTraffic: (call) => setTraffic(control, call),
  };
}
