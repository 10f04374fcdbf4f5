import { revisionName } from "@hanzo-fn/contract";
import type { DeployCheckJson } from "@hanzo-fn/contract/api";
import type { FunctionRow, RevisionRow } from "@hanzo-fn/store";
import type { Control } from "./control.ts";
import { type DeployRequest, type DeployResult, requireSecrets, writeDeploy } from "./deploy.ts";
import { desiredFunction } from "./desired.ts";
import { trafficJson } from "./present.ts";
import { planLatest } from "./traffic.ts";
import { trafficRevision } from "./traffic-rows.ts";

type CheckDependencies = Pick<Control, "store" | "clock" | "hasSecret" | "reconciler" | "triggers" | "view">;

interface Outcome extends DeployResult {
  /** Of the function, as they would be. */
  readonly revisions: readonly RevisionRow[];
}

/** Does everything that a deploy does to the rows, in a transaction that is rolled back: what it would refuse is refused. */
async function rehearse(deps: CheckDependencies, request: DeployRequest): Promise<Outcome> {
  const { store, clock, triggers } = deps;
  const rolledBack = new Error("this was a rehearsal");
  let outcome: Outcome | undefined;
  try {
    await store.withTransaction(async (tx) => {
      const result = await writeDeploy(tx, request, triggers.times, new Date(clock.now()));
      const revisions = await tx.revisions.list(request.org, request.manifest.name);
      outcome = { ...result, revisions };
      throw rolledBack;
    });
  } catch (error) {
    if (error !== rolledBack || outcome === undefined) throw error;
  }
  return outcome as Outcome;
}

/** The split once the revision that the deploy is about is ready. */
function trafficAfter(row: FunctionRow, { revision, revisions }: Outcome): DeployCheckJson["traffic"] {
  if (row.trafficMode !== "latest") return trafficJson(row, revisions).traffic;
  const ready = revisions.map((one) =>
    one.number === revision.number ? { ...one, state: "ready" as const } : one,
  );
  const { shares } = planLatest(ready.map(trafficRevision));
  return [...shares].map(([number, percent]) => ({ revisionName: revisionName(row.name, number), percent }));
}

/**
 * What a deploy would do. Throws what it would throw; what the engine would refuse is in `problems`. Nothing is stored, and
 * nothing is built.
 */
export async function checkDeploy(
  deps: CheckDependencies,
  request: DeployRequest,
  signal: AbortSignal,
): Promise<DeployCheckJson> {
  await requireSecrets(deps, request);
  const outcome = await rehearse(deps, request);
  const { function: row, revision, created, newRevision, changed, revisions } = outcome;
  const wish = desiredFunction({ function: row, revisions: [...revisions], triggers: [] });
  const { refused, warnings } = await deps.reconciler.check(wish, signal);
  return {
    function: row.name,
    ok: refused.length === 0,
    created,
    new_revision: newRevision,
    revision: revisionName(row.name, revision.number),
    changed: [...changed],
    traffic_mode: row.trafficMode,
    traffic: trafficAfter(row, outcome),
    warnings: [...new Set([...deps.view.unenforced(row), ...warnings])],
    problems: refused.map(({ code, message, next }) => ({
      code,
      message,
      ...(next === undefined ? {} : { next }),
    })),
  };
}
