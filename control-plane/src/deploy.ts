import { createReadStream } from "node:fs";
import { type Blobs, sourceKey } from "@hanzo-fn/blobs";
import {
  canonicalJson,
  type ErrorDetail,
  type Manifest,
  PlatformError,
  revisionIdentity,
  revisionName,
  triggerKey,
  ulid,
} from "@hanzo-fn/contract";
import type { Clock } from "@hanzo-fn/lifecycle";
import type {
  FunctionRow,
  JsonObject,
  RevisionRow,
  RouteConflict,
  Store,
  StoreTransaction,
  TriggerRow,
  WantedRoute,
} from "@hanzo-fn/store";
import type { TriggerPlane } from "./control.ts";
import { type CronTimes, writeSchedules } from "./schedules.ts";

/** The canonical archive that the source reader leaves behind. */
export interface DeploySource {
  /** SHA-256 of the sorted (path, mode, bytes). */
  readonly digest: string;
  readonly archivePath: string;
}

export interface DeployRequest {
  readonly org: string;
  readonly mode: "create" | "update" | "upsert";
  readonly manifest: Manifest;
  /** The manifest in its canonical JSON form, as it is kept and shown. */
  readonly manifestJson: JsonObject;
  /** Undefined: the source of the newest revision. */
  readonly source: DeploySource | undefined;
  readonly noTraffic: boolean;
}

export interface DeployResult {
  readonly function: FunctionRow;
  readonly revision: RevisionRow;
  readonly created: boolean;
  readonly newRevision: boolean;
  /** Parts of the function that changed without a revision. */
  readonly changed: readonly string[];
}

export interface DeployDependencies {
  readonly store: Store;
  readonly blobs: Blobs;
  readonly clock: Pick<Clock, "now">;
  /** True where the secret exists. */
  readonly hasSecret: (org: string, name: string, functionName: string) => Promise<boolean>;
  readonly triggers: Pick<TriggerPlane, "times" | "prepare">;
}

const COMPONENT = "control-plane";

export async function requireSecrets(
  deps: Pick<DeployDependencies, "hasSecret">,
  { org, manifest }: DeployRequest,
): Promise<void> {
  const missing: ErrorDetail[] = [];
  for (const secret of manifest.secrets) {
    if (await deps.hasSecret(org, secret.name, manifest.name)) continue;
    missing.push({ path: "secrets", value: secret.name, rule: `the secret ${secret.name} does not exist` });
  }
  const first = missing[0];
  if (first === undefined) return;
  throw new PlatformError("missing_secret", missing.map((detail) => detail.rule).join("; "), {
    component: COMPONENT,
    function: manifest.name,
    details: missing,
    next: `hanzo-fn secrets set ${String(first.value)}`,
  });
}

const APPLIES_AT_ONCE = ["description", "scaling", "triggers", "network"] as const;

/** Parts of the function, not of a revision, in which two manifests differ. */
export function changedParts(before: JsonObject, after: JsonObject): string[] {
  // jsonb keeps no order of keys.
  return APPLIES_AT_ONCE.filter(
    (part) => canonicalJson(before[part] ?? null) !== canonicalJson(after[part] ?? null),
  );
}

function routesOf(manifest: Manifest, triggerIds: readonly string[]): WantedRoute[] {
  return manifest.triggers.flatMap((trigger, i) =>
    trigger.type === "http"
      ? trigger.methods.map((method) => ({
          triggerId: triggerIds[i] as string,
          auth: trigger.auth,
          path: trigger.path,
          method,
        }))
      : [],
  );
}

function routeConflict(functionName: string, conflicts: readonly RouteConflict[]): PlatformError {
  const details = conflicts.map(({ path, method, owner }) => ({
    path: "triggers",
    value: `${method} ${path}`,
    rule: `${method} ${path} is ${owner === undefined ? "taken" : `taken by function ${owner}`}`,
  }));
  return new PlatformError("route_conflict", details.map((detail) => detail.rule).join("; "), {
    component: COMPONENT,
    function: functionName,
    details,
    next: "choose another path or method for the http trigger",
  });
}

async function writeTriggers(
  tx: StoreTransaction,
  { org, manifest }: DeployRequest,
  times: CronTimes,
  now: Date,
): Promise<readonly TriggerRow[]> {
  const wanted = manifest.triggers.map((trigger) => ({
    type: trigger.type,
    key: triggerKey(trigger, manifest.name),
    spec: { ...trigger } as unknown as JsonObject,
  }));
  const rows = await tx.triggers.replace(org, manifest.name, wanted, () => `trg_${ulid(now.getTime())}`, now);
  const claim = await tx.httpRoutes.claim(
    org,
    manifest.name,
    routesOf(
      manifest,
      rows.map((row) => row.id),
    ),
  );
  if (!claim.claimed) throw routeConflict(manifest.name, claim.conflicts);
  await writeSchedules(tx, rows, times);
  return rows;
}

async function writeFunction(
  tx: StoreTransaction,
  request: DeployRequest,
  existing: FunctionRow | undefined,
  now: Date,
): Promise<FunctionRow> {
  const { org, manifest, manifestJson, noTraffic } = request;
  const fields = {
    manifest: manifestJson,
    description: manifest.description ?? "",
    scaling: manifest.scaling,
    network: manifest.network,
  };
  const mode = noTraffic ? ({ trafficMode: "split" } as const) : {};
  const row =
    existing === undefined
      ? await tx.functions.insert(
          { org, name: manifest.name, ...fields, trafficMode: "latest", ...mode },
          now,
        )
      : await tx.functions.update(org, manifest.name, { ...fields, ...mode }, now);
  if (row === undefined) {
    throw new PlatformError("conflict", `function ${manifest.name} was changed at the same time`, {
      component: COMPONENT,
      function: manifest.name,
      next: "deploy again",
    });
  }
  return row;
}

function checkMode({ mode, manifest }: DeployRequest, existing: FunctionRow | undefined): void {
  if (mode === "create" && existing !== undefined) {
    throw new PlatformError("conflict", `function ${manifest.name} exists`, {
      component: COMPONENT,
      function: manifest.name,
      next: `update it with PUT /v1/functions/${manifest.name}`,
    });
  }
  if (mode === "update" && existing === undefined) {
    throw new PlatformError("not_found", `function ${manifest.name} does not exist`, {
      component: COMPONENT,
      function: manifest.name,
      next: "create it with POST /v1/functions, or with ?create=true",
    });
  }
}

function requireDigest(request: DeployRequest, newest: RevisionRow | undefined): string {
  const digest = request.source?.digest ?? newest?.sourceDigest;
  if (digest !== undefined) return digest;
  throw new PlatformError("bad_request", "the source archive is missing", {
    component: COMPONENT,
    function: request.manifest.name,
    next: "send it as the multipart field `source`",
  });
}

/**
 * One transaction: all of a deploy is there, or nothing of it. The archive goes to the blobs before it, so that a
 * row never refers to bytes that are not there; bytes that no row refers to are garbage. So are consumers at a broker,
 * which are made before it so that triggers that were acknowledged miss nothing.
 */
export async function deploy(
  deps: DeployDependencies,
  request: DeployRequest,
  signal: AbortSignal,
): Promise<DeployResult> {
  const { org, manifest } = request;
  await requireSecrets(deps, request);
  if (request.source !== undefined) {
    await deps.blobs.putIfAbsent(
      sourceKey(org, request.source.digest),
      createReadStream(request.source.archivePath),
    );
  }
  // Looked at again in the transaction: what will be refused then should not touch a broker.
  checkMode(request, await deps.store.functions.get(org, manifest.name));
  const { times, prepare } = deps.triggers;
  const record = await prepare(org, manifest.name, manifest.triggers, signal);
  return deps.store.withTransaction(async (tx) => {
    const { triggers, ...result } = await writeDeploy(tx, request, times, new Date(deps.clock.now()));
    await record(tx, triggers);
    return result;
  });
}

/** The rows of a deploy; what cannot be is refused here. */
export async function writeDeploy(
  tx: StoreTransaction,
  request: DeployRequest,
  times: CronTimes,
  now: Date,
): Promise<DeployResult & { readonly triggers: readonly TriggerRow[] }> {
  const { org, manifest } = request;
  await tx.lockFunction(org, manifest.name);
  const existing = await tx.functions.get(org, manifest.name);
  checkMode(request, existing);
  const newest = existing === undefined ? undefined : await tx.revisions.newest(org, manifest.name);
  const sourceDigest = requireDigest(request, newest);
  const identity = revisionIdentity(manifest, sourceDigest);
  const same = newest !== undefined && newest.identity === identity && newest.state !== "failed";
  const row = await writeFunction(tx, request, existing, now);
  const triggers = await writeTriggers(tx, request, times, now);
  const revision = same ? newest : await insertRevision(tx, request, identity, sourceDigest, now);
  await tx.notifyChange(org, manifest.name);
  return {
    function: row,
    revision,
    created: existing === undefined,
    newRevision: !same,
    triggers,
    changed: existing === undefined ? [] : changedParts(existing.manifest, request.manifestJson),
  };
}

/** Revisions that are not built yet are replaced: nobody will call them, and their builds would only be in the way. */
async function endUnbuilt(tx: StoreTransaction, org: string, name: string, by: number): Promise<void> {
  for (const { number, state } of await tx.revisions.list(org, name)) {
    if (state !== "pending" && state !== "building") continue;
    const message = `replaced by ${revisionName(name, by)} before it was built`;
    await tx.revisions.observe(org, name, number, {
      state: "failed",
      failure: { code: "conflict", message, logTail: [] },
    });
  }
}

async function insertRevision(
  tx: StoreTransaction,
  { org, manifest }: DeployRequest,
  identity: string,
  sourceDigest: string,
  now: Date,
): Promise<RevisionRow> {
  const number = await tx.functions.allocateRevision(org, manifest.name);
  if (number === undefined)
    throw new PlatformError("internal", "the function vanished inside its own transaction");
  await endUnbuilt(tx, org, manifest.name, number);
  return tx.revisions.insert(
    {
      org,
      function: manifest.name,
      number,
      identity,
      sourceDigest,
      version: manifest.version,
      runtime: manifest.runtime,
      entry: manifest.entry,
      resources: manifest.resources,
      environment: manifest.environment,
      secrets: Object.fromEntries(manifest.secrets.map((secret) => [secret.env, secret.name])),
    },
    now,
  );
}
