import { formatDuration, PlatformError, revisionName, type Trigger, TRIGGER_KINDS } from "@hanzo-fn/contract";
import type {
  FiguresJson,
  FunctionDetailJson,
  FunctionJson,
  PaginationJson,
  RevisionDetailJson,
  RevisionJson,
  TrafficJson,
  TriggerJson,
} from "@hanzo-fn/contract/api";
import type { RevisionStatus } from "@hanzo-fn/engine";
import type { FunctionAggregate, FunctionRow, RevisionRow, StoredFailure, TriggerRow } from "@hanzo-fn/store";

/** What presenting needs besides rows. */
export interface View {
  /** `http://host:8061`, without a trailing slash. */
  readonly invokeUrl: string;
  /** Live state, where this process knows it. */
  readonly status: (row: RevisionRow) => RevisionStatus | undefined;
  /** What of this function's manifest the engine stores but cannot enforce. */
  readonly unenforced: (row: FunctionRow) => readonly string[];
}

function byteQuantity(bytes: number): string {
  for (const [unit, size] of [
    ["Gi", 1 << 30],
    ["Mi", 1 << 20],
    ["Ki", 1 << 10],
  ] as const) {
    if (bytes % size === 0) return `${bytes / size}${unit}`;
  }
  return String(bytes);
}

export function paginationOf(page: number, pageSize: number, total: number): PaginationJson {
  const totalPages = Math.ceil(total / pageSize);
  return { page, pageSize, total, totalPages, hasNext: page < totalPages, hasPrev: page > 1 };
}

function failureJson({
  code,
  message,
  logTail,
  details,
}: StoredFailure): NonNullable<RevisionJson["failure"]> {
  return {
    code,
    message,
    log_tail: [...logTail],
    ...(details === undefined ? {} : { details: details.map((detail) => ({ ...detail })) }),
  };
}

/** What was found when it became ready, and what the engine sees now. */
function warningsOf({ warnings }: RevisionRow, status: RevisionStatus | undefined): string[] {
  return [...new Set([...warnings, ...(status?.warnings ?? [])])];
}

export function revisionJson(row: RevisionRow, view: View): RevisionJson {
  const status = view.status(row);
  const failure = row.failure ?? status?.failure;
  return {
    name: revisionName(row.function, row.number),
    number: row.number,
    version: row.version,
    runtime: row.runtime,
    entry: row.entry,
    state: row.state,
    percent: row.percent,
    source_digest: row.sourceDigest,
    ...(row.imageDigest === null ? {} : { image_digest: row.imageDigest }),
    ...(failure === undefined || failure === null ? {} : { failure: failureJson(failure) }),
    warnings: warningsOf(row, status),
    phases_ms: { ...row.phasesMs },
    created_at: row.createdAt.toISOString(),
    ...(row.readyAt === null ? {} : { ready_at: row.readyAt.toISOString() }),
  };
}

export function revisionDetailJson(row: RevisionRow, figures: FiguresJson, view: View): RevisionDetailJson {
  const status = view.status(row);
  const { resources } = row;
  return {
    ...revisionJson(row, view),
    resources: {
      cpu: `${resources.cpuMillis}m`,
      memory: byteQuantity(resources.memoryBytes),
      timeout: formatDuration(resources.timeoutMs),
      concurrency: resources.concurrency,
    },
    environment: { ...row.environment },
    secrets: Object.entries(row.secrets).map(([env, name]) => ({ name, env })),
    instances: (status?.instances ?? []).map((instance) => ({
      instance: instance.instance,
      state: instance.state,
      in_flight: instance.inFlight,
      started_at: instance.startedAt,
      ...(instance.memoryBytes === undefined ? {} : { memory_bytes: instance.memoryBytes }),
    })),
    metrics: figures,
  };
}

export function triggerJson(row: TriggerRow, view: View): TriggerJson {
  const trigger = row.spec as unknown as Trigger;
  const spec = TRIGGER_KINDS[trigger.type].print(trigger) as Record<string, unknown>;
  const source = spec["path"] ?? spec["source"] ?? spec["topic"] ?? spec["schedule"] ?? row.type;
  return {
    id: row.id,
    function: row.function,
    type: row.type,
    source: String(source),
    state: row.state,
    ...(row.reason === null ? {} : { reason: row.reason }),
    ...(row.type === "http" ? { url: view.invokeUrl + String(spec["path"]) } : {}),
    spec,
    ...(row.lastError === null ? {} : { last_error: row.lastError }),
    ...(row.lastFiredAt === null ? {} : { last_fired_at: row.lastFiredAt.toISOString() }),
    ...(row.nextFireAt === null ? {} : { next_fire_at: row.nextFireAt.toISOString() }),
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
  };
}

export function trafficJson(row: FunctionRow, revisions: readonly RevisionRow[]): TrafficJson {
  return {
    mode: row.trafficMode,
    traffic: revisions
      .filter((revision) => revision.percent > 0)
      .toSorted((a, b) => a.number - b.number)
      .map((revision) => ({
        revisionName: revisionName(revision.function, revision.number),
        percent: revision.percent,
      })),
  };
}

export function functionJson(
  { function: row, revisions, triggers }: FunctionAggregate,
  view: View,
): FunctionJson {
  const newest = revisions[0];
  if (newest === undefined) {
    throw new PlatformError("internal", `function ${row.name} has no revision`, { function: row.name });
  }
  return {
    name: row.name,
    org: row.org,
    runtime: newest.runtime,
    version: newest.version,
    ...(row.description === "" ? {} : { description: row.description }),
    state: newest.state,
    latest_revision: revisionName(row.name, newest.number),
    traffic_mode: row.trafficMode,
    traffic: trafficJson(row, revisions).traffic,
    trigger_types: [
      ...new Set(triggers.filter(({ state }) => state !== "deleting").map(({ type }) => type)),
    ].toSorted(),
    url: `${view.invokeUrl}/v1/functions/${row.name}/invoke`,
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
  };
}

/** Can it be called now, and if not, why and what next. */
function invocableJson(aggregate: FunctionAggregate, view: View): FunctionDetailJson["invocable"] {
  const { name } = aggregate.function;
  const routed = aggregate.revisions.filter((revision) => revision.percent > 0);
  const unwell = routed
    .map((revision) => view.status(revision)?.failure)
    .find((failure) => failure !== undefined);
  if (routed.length > 0) {
    if (unwell === undefined) return { ok: true };
    return {
      ok: false,
      reason: `${unwell.code}: ${unwell.message}`,
      next: `hanzo-fn logs ${name} --level error`,
    };
  }
  const newest = aggregate.revisions[0];
  if (newest?.state === "failed") {
    return {
      ok: false,
      reason: `${newest.failure?.code ?? "failed"}: ${newest.failure?.message ?? "the newest revision failed"}`,
      next: "mend the source and deploy again",
    };
  }
  if (newest?.state === "ready") {
    return { ok: false, reason: "no revision has traffic", next: `hanzo-fn traffic ${name} --latest` };
  }
  return { ok: false, reason: `the newest revision is ${newest?.state ?? "missing"}` };
}

export function functionDetailJson(aggregate: FunctionAggregate, view: View): FunctionDetailJson {
  const warnings = new Set(view.unenforced(aggregate.function));
  for (const revision of aggregate.revisions) {
    if (revision.percent === 0) continue;
    for (const warning of warningsOf(revision, view.status(revision))) warnings.add(warning);
  }
  return {
    ...functionJson(aggregate, view),
    manifest: aggregate.function.manifest as Record<string, unknown>,
    revisions: aggregate.revisions.map((revision) => revisionJson(revision, view)),
    triggers: aggregate.triggers.map((trigger) => triggerJson(trigger, view)),
    warnings: [...warnings],
    invocable: invocableJson(aggregate, view),
  };
}
