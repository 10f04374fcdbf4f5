import { detail, inOrder, toProblems, type Problem } from "../document/issues.ts";
import { readYaml, type SourceDocument } from "../document/read.ts";
import { PlatformError, type ErrorCode, type ErrorDetail } from "../errors.ts";
import { fillManifest } from "./fill.ts";
import { refusals, type RefusalOptions } from "./refusals.ts";
import { crossFieldProblems, type RuleOptions } from "./rules.ts";
import { manifestSchema } from "./schema.ts";
import type { Manifest } from "./types.ts";

export const MAX_MANIFEST_BYTES = 1_048_576;

/** Problems that are listed; nobody mends more at once, and the answer to a hostile manifest stays short. */
const MAX_DETAILS = 100;

export interface ManifestOptions extends RuleOptions {
  readonly limits?: { readonly maxManifestBytes?: number | undefined } | undefined;
  /** True where the platform has a GPU pool; default false. */
  readonly gpuPool?: boolean | undefined;
  /** Runtimes that this platform cannot run, and why. */
  readonly unavailable?: RefusalOptions["unavailable"];
  /** True where events are made by hand (`hanzo-fn dev`): what only a platform serves is taken as it is. */
  readonly simulated?: boolean | undefined;
  /** The local engine cannot enforce `network.egress` and says so in a warning. */
  readonly engine?: "local" | "knative" | undefined;
  /** Overrides the manifest's name (`deploy --name`). */
  readonly name?: string | undefined;
}

export type ManifestResult =
  | { readonly ok: true; readonly manifest: Manifest; readonly warnings: readonly ErrorDetail[] }
  | { readonly ok: false; readonly error: PlatformError };

/** Fields of the sections that are often written at the top. */
const HOMES: Readonly<Record<string, string>> = {
  cpu: "resources.cpu",
  memory: "resources.memory",
  gpu: "resources.gpu",
  timeout: "resources.timeout",
  concurrency: "resources.concurrency",
  min_instances: "scaling.min_instances",
  max_instances: "scaling.max_instances",
  target_concurrency: "scaling.target_concurrency",
  scale_down_delay: "scaling.scale_down_delay",
  egress: "network.egress",
};

function misplaced(path: readonly PropertyKey[], key: string): string | undefined {
  const home = Object.hasOwn(HOMES, key) ? HOMES[key] : undefined;
  const inTrigger = path[0] === "triggers";
  return home === undefined || inTrigger || `${path.join(".")}.${key}` === home ? undefined : home;
}

function failure(details: readonly ErrorDetail[]): ManifestResult {
  const codes = new Set<ErrorCode>(details.map((item) => item.error ?? "invalid_manifest"));
  const [first] = details;
  const count = details.length === 1 ? "one problem" : `${details.length} problems`;
  const where = first === undefined ? "" : `${first.path ?? "function.yaml"} ${first.rule}`;
  if (codes.has("invalid_manifest")) {
    const message =
      details.length === 1 ? `function.yaml is not valid: ${where}` : `function.yaml has ${count}`;
    return {
      ok: false,
      error: new PlatformError("invalid_manifest", message, {
        details: details.slice(0, MAX_DETAILS),
        next: "mend function.yaml and deploy again",
      }),
    };
  }
  const code = codes.has("unsupported") ? "unsupported" : "gpu_unavailable";
  const message =
    details.length === 1 ? where : `function.yaml asks for ${details.length} things that are not served here`;
  return {
    ok: false,
    error: new PlatformError(code, message, {
      details: details.slice(0, MAX_DETAILS),
      next: first?.suggestion,
    }),
  };
}

function allProblems(document: SourceDocument, options: ManifestOptions): Problem[] {
  const schema = manifestSchema();
  const parsed = schema.safeParse(document.value);
  const found = parsed.success ? [] : toProblems(schema, document.value, parsed.error.issues, { misplaced });
  return [...found, ...crossFieldProblems(document.value, options), ...refusals(document.value, options)];
}

function warningsFor(manifest: Manifest, document: SourceDocument, options: ManifestOptions): ErrorDetail[] {
  if (manifest.network.egress.length === 0 || options.engine !== "local") return [];
  const rule = "is stored, but the local engine cannot enforce it: the function can call any address";
  return [detail(document, { path: ["network", "egress"], rule, key: true })];
}

/** A copy of the document whose `name` is replaced, at the same place. */
function renamed(document: SourceDocument, name: string | undefined): SourceDocument {
  const { value } = document;
  if (name === undefined || typeof value !== "object" || value === null || Array.isArray(value))
    return document;
  const copy = Object.assign(Object.create(null) as Record<string, unknown>, value, { name });
  return { ...document, value: copy };
}

/**
 * Reads a `function.yaml`. All problems are reported at once (the first 100 of them), with line, column, value, rule and suggestion:
 * 400 `invalid_manifest`; or, where the manifest is valid but asks for what this build or platform cannot serve,
 * 422 `unsupported` or `gpu_unavailable`.
 */
export function parseManifest(text: string, options: ManifestOptions = {}): ManifestResult {
  const read = readYaml(text, { maxBytes: options.limits?.maxManifestBytes ?? MAX_MANIFEST_BYTES });
  const document = renamed(read, options.name);
  if (document.broken) return failure(document.problems);
  if (document.value === null || document.value === undefined) {
    return failure([
      { line: 1, column: 1, rule: "is empty", suggestion: "run hanzo-fn init for a template" },
    ]);
  }
  const problems = allProblems(document, options);
  const details = inOrder([...document.problems, ...problems.map((problem) => detail(document, problem))]);
  if (details.length > 0) return failure(details);
  const manifest = fillManifest(manifestSchema().parse(document.value), options);
  return { ok: true, manifest, warnings: warningsFor(manifest, document, options) };
}
