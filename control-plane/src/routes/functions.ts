import { parseManifest, PlatformError, toCanonicalJson, type ManifestOptions } from "@hanzo-fn/contract";
import type { DeployCheckJson, deployQuerySchema, functionListQuerySchema } from "@hanzo-fn/contract/api";
import type { FunctionAggregate, JsonObject } from "@hanzo-fn/store";
import type { z } from "zod";
import { type Call, type Handlers, jsonResponse } from "../app.ts";
import type { Control } from "../control.ts";
import { checkDeploy } from "../check-deploy.ts";
import { deploy, type DeployRequest } from "../deploy.ts";
import { functionDetailJson, functionJson, paginationOf, revisionJson } from "../present.ts";
import { requireFunction } from "../queries.ts";
import { readSource } from "../source/index.ts";
import { readUpload } from "../upload.ts";

type Own =
  | "listFunctions"
  | "createFunction"
  | "checkFunction"
  | "getFunction"
  | "updateFunction"
  | "deleteFunction";
type DeployQuery = z.infer<typeof deployQuerySchema>;

function parsed(text: string, options: ManifestOptions) {
  const result = parseManifest(text, options);
  if (!result.ok) throw result.error;
  return result;
}

/** What was uploaded, checked as far as it can be by itself; `work` has the source until it ends. */
async function withRequest<T>(
  control: Control,
  call: Call,
  { mode, name }: { readonly mode: DeployRequest["mode"]; readonly name?: string | undefined },
  work: (request: DeployRequest, warnings: readonly string[]) => Promise<T>,
): Promise<T> {
  const query = call.query as DeployQuery;
  const { maxManifestBytes, source: sourceLimits } = control.limits;
  const uploadLimits = { maxManifestBytes, maxArchiveBytes: sourceLimits.maxArchiveBytes };
  const upload = await readUpload(call.incoming, uploadLimits, (stream) =>
    readSource(stream, { limits: sourceLimits, tempDir: control.tempDir, signal: call.signal }),
  );
  await using source = upload.source;
  const { manifest, warnings } = parsed(upload.manifest, {
    ...control.manifestOptions,
    limits: { maxManifestBytes },
    name: query.name ?? name,
  });
  const request: DeployRequest = {
    org: call.org,
    mode,
    manifest,
    manifestJson: toCanonicalJson(manifest) as JsonObject,
    source,
    noTraffic: query.no_traffic === true,
  };
  const words = warnings.map(({ path, rule }) => (path === undefined ? rule : `${path}: ${rule}`));
  return await work(request, words);
}

function runDeploy(
  control: Control,
  call: Call,
  mode: DeployRequest["mode"],
  name: string | undefined,
  status: number,
): Promise<Response> {
  return withRequest(control, call, { mode, name }, async (request, warnings) => {
    const { org, manifest } = request;
    const result = await deploy(control, request, call.signal);
    void control.reconciler.kick(org, manifest.name);
    const aggregate: FunctionAggregate = await requireFunction(control.store, org, manifest.name);
    return jsonResponse(
      {
        function: functionJson(aggregate, control.view),
        revision: revisionJson(result.revision, control.view),
        created: result.created,
        new_revision: result.newRevision,
        changed: result.changed,
        warnings,
      },
      status,
    );
  });
}

function runCheck(control: Control, call: Call): Promise<Response> {
  return withRequest(control, call, { mode: "upsert" }, async (request, warnings) => {
    const found = await checkDeploy(control, request, call.signal);
    return jsonResponse({ ...found, warnings: [...warnings, ...found.warnings] } satisfies DeployCheckJson);
  });
}

async function list(control: Control, call: Call): Promise<Response> {
  const { page, pageSize, runtime, trigger } = call.query as z.infer<typeof functionListQuerySchema>;
  const found = await control.store.functions.list({ org: call.org, page, pageSize, runtime, trigger });
  const aggregates = await control.store.loadFunctions(found.items);
  return jsonResponse({
    functions: aggregates.map((one) => functionJson(one, control.view)),
    pagination: paginationOf(page, pageSize, found.total),
  });
}

async function remove(control: Control, call: Call): Promise<Response> {
  const name = call.params["name"] as string;
  const { store } = control;
  await requireFunction(store, call.org, name);
  await store.withTransaction(async (tx) => {
    await tx.lockFunction(call.org, name);
    await tx.functions.delete(call.org, name);
    await tx.notifyChange(call.org, name);
  });
  await control.reconciler.kick(call.org, name);
  await store.logLines.deleteFunction(call.org, name);
  await store.figures.deleteFunction(call.org, name);
  control.forget(call.org, name);
  return new Response(null, { status: 204 });
}

export function functionHandlers(control: Control): Pick<Handlers, Own> {
  return {
    listFunctions: (call) => list(control, call),
    createFunction: (call) =>
      runDeploy(
        control,
        call,
        (call.query as DeployQuery).update === true ? "upsert" : "create",
        undefined,
        201,
      ),
    checkFunction: (call) => runCheck(control, call),
    getFunction: async (call) =>
      jsonResponse(
        functionDetailJson(
          await requireFunction(control.store, call.org, call.params["name"] as string),
          control.view,
        ),
      ),
    updateFunction: (call) => {
      const name = call.params["name"] as string;
      const asked = (call.query as DeployQuery).name;
      if (asked !== undefined && asked !== name) {
        throw new PlatformError("bad_request", `the path says ${name}, the query says ${asked}`, {
          component: "control-plane",
        });
      }
      return runDeploy(control, call, "update", name, 200);
    },
    deleteFunction: (call) => remove(control, call),
  };
}
