import { type DesiredFunction, type DesiredRevision, revisionRef } from "@hanzo-fn/engine";
import type { FunctionAggregate, RevisionRow } from "@hanzo-fn/store";

function desiredRevision(row: RevisionRow): DesiredRevision {
  return {
    ref: revisionRef(row.org, row.function, row.number),
    runtime: row.runtime,
    entry: row.entry,
    sourceDigest: row.sourceDigest,
    environment: row.environment,
    secrets: row.secrets,
    cpuMillis: row.resources.cpuMillis,
    memoryBytes: row.resources.memoryBytes,
    timeoutMs: row.resources.timeoutMs,
    concurrency: row.resources.concurrency,
    percent: row.percent,
    proven: row.state === "ready",
    version: row.version,
    gpu: row.resources.gpu,
    imageDigest: row.imageDigest ?? undefined,
    createdAtMs: row.createdAt.getTime(),
    lastTrafficAtMs: row.lastTrafficAt?.getTime(),
  };
}

/** What an engine is to make of a function. A failed revision is not wished for: it would only fail again. */
export function desiredFunction({ function: row, revisions }: FunctionAggregate): DesiredFunction {
  return {
    org: row.org,
    function: row.name,
    scaling: row.scaling,
    egress: row.network.egress,
    revisions: revisions.filter((revision) => revision.state !== "failed").map(desiredRevision),
  };
}
