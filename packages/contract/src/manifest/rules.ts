import { formatDuration } from "../duration.ts";
import { pick } from "../document/leaves.ts";
import type { Problem } from "../document/issues.ts";
import { egressLeaf, gpuLeaf, MAX_TIMEOUT_MS, nameLeaf, timeoutLeaf } from "./schema.ts";
import { entryProblem } from "./entry.ts";
import { isTriggerType, TRIGGER_KINDS, triggerKey } from "./triggers/index.ts";
import { ownershipProblem, pathProblem } from "./triggers/http-path.ts";
import { RUNTIMES, type RuntimeName } from "./types.ts";

export interface RuntimeLimits {
  readonly defaultTimeoutMs?: number | undefined;
  readonly maxTimeoutMs?: number | undefined;
}

export interface RuleOptions {
  readonly runtimes?: Readonly<Partial<Record<RuntimeName, RuntimeLimits>>> | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

function fields(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Set by the platform in every instance; Knative refuses the first four itself. */
const RESERVED_VARIABLES = new Set([
  "PORT",
  "K_SERVICE",
  "K_CONFIGURATION",
  "K_REVISION",
  "HANZO_FUNCTION",
  "HANZO_REVISION",
  "HANZO_ORG",
  "HANZO_REQUEST_ID",
  "TMPDIR",
]);

export function isReservedVariable(name: string): boolean {
  return RESERVED_VARIABLES.has(name) || name.startsWith("HANZO_FN_") || name.startsWith("FN_");
}

export function runtimeName(value: unknown): RuntimeName | undefined {
  return RUNTIMES.find((name) => name === value);
}

/** The longest timeout a runtime may ask for: the configuration's, never above HIP-60's 900 s. */
export function timeoutCap(runtime: RuntimeName | undefined, options: RuleOptions): number {
  const own = runtime === undefined ? undefined : options.runtimes?.[runtime]?.maxTimeoutMs;
  return Math.min(MAX_TIMEOUT_MS, own ?? MAX_TIMEOUT_MS);
}

function timeoutRule(manifest: Fields, options: RuleOptions): Problem[] {
  const runtime = runtimeName(manifest["runtime"]);
  const timeoutMs = pick(timeoutLeaf(), fields(manifest["resources"])["timeout"]);
  const cap = timeoutCap(runtime, options);
  if (timeoutMs === undefined || timeoutMs <= cap) return [];
  const limit = formatDuration(cap);
  const rule = `must be at most ${limit} for the runtime ${runtime ?? "?"} on this platform`;
  return [{ path: ["resources", "timeout"], rule, suggestion: `write ${limit}` }];
}

function number(value: unknown, byDefault: number): number {
  return typeof value === "number" && Number.isInteger(value) ? value : byDefault;
}

function scalingRule(manifest: Fields): Problem[] {
  const resources = fields(manifest["resources"]);
  const scaling = fields(manifest["scaling"]);
  const problems: Problem[] = [];
  const min = number(scaling["min_instances"], 0);
  const max = number(scaling["max_instances"], 10);
  if (min > max) {
    const rule = `must be at most scaling.max_instances, which is ${max}`;
    problems.push({ path: ["scaling", "min_instances"], rule });
  }
  const hasGpu = pick(gpuLeaf(), resources["gpu"]) !== undefined;
  const concurrency = number(resources["concurrency"], hasGpu ? 1 : 10);
  const target = number(scaling["target_concurrency"], 1);
  if (target > concurrency && concurrency >= 1) {
    const origin =
      resources["concurrency"] === undefined ? ` (the default ${hasGpu ? "with" : "without"} a GPU)` : "";
    problems.push({
      path: ["scaling", "target_concurrency"],
      rule: `must be at most resources.concurrency, which is ${concurrency}${origin}`,
      suggestion: `set it to ${concurrency} or less, or resources.concurrency to ${target}`,
    });
  }
  return problems;
}

function environmentRules(manifest: Fields): Problem[] {
  const problems: Problem[] = [];
  const environment = fields(manifest["environment"]);
  const reserved = "is reserved for the platform";
  for (const name of Object.keys(environment)) {
    if (isReservedVariable(name)) {
      problems.push({
        path: ["environment", name],
        rule: reserved,
        suggestion: "use another name",
        key: true,
      });
    }
  }
  const taken = new Set<string>();
  for (const [index, secret] of list(manifest["secrets"]).entries()) {
    const env = fields(secret)["env"];
    if (typeof env !== "string") continue;
    const path = ["secrets", index, "env"];
    if (isReservedVariable(env)) problems.push({ path, rule: reserved, suggestion: "use another name" });
    if (Object.hasOwn(environment, env)) {
      problems.push({ path, rule: "is already set in environment", suggestion: `remove environment.${env}` });
    }
    if (taken.has(env))
      problems.push({ path, rule: "is already set by another secret", suggestion: "use another name" });
    taken.add(env);
  }
  return problems;
}

function pathRules(manifest: Fields): Problem[] {
  const problems: Problem[] = [];
  const name = pick(nameLeaf(), manifest["name"]);
  const claims = new Map<string, number>();
  for (const [index, raw] of list(manifest["triggers"]).entries()) {
    const trigger = fields(raw);
    const { path } = trigger;
    if (trigger["type"] !== "http" || typeof path !== "string" || pathProblem(path) !== undefined) continue;
    const foreign = name === undefined ? undefined : ownershipProblem(path, name);
    if (foreign !== undefined) problems.push({ ...foreign, path: ["triggers", index, "path"] });
    const methods = trigger["methods"] === undefined ? ["POST"] : list(trigger["methods"]);
    for (const [position, method] of methods.entries()) {
      if (typeof method !== "string") continue;
      const other = claims.get(`${method} ${path}`);
      if (other !== undefined) {
        const rule =
          other === index
            ? `repeats ${method}`
            : `${method} ${path} is already claimed by triggers[${other}]`;
        const at = trigger["methods"] === undefined ? ["path"] : ["methods", position];
        problems.push({ path: ["triggers", index, ...at], rule });
      }
      claims.set(`${method} ${path}`, index);
    }
  }
  return problems;
}

function corsRules(manifest: Fields): Problem[] {
  return list(manifest["triggers"]).flatMap((raw, index): Problem[] => {
    const cors = fields(fields(raw)["cors"]);
    if (cors["credentials"] !== true || !list(cors["origins"]).includes("*")) return [];
    const path = ["triggers", index, "cors", "credentials"];
    return [{ path, rule: "must be false where origins has `*`", suggestion: "list the origins" }];
  });
}

/** Two triggers that only differ in order of delivery would share one position. */
function duplicateRules(manifest: Fields): Problem[] {
  const name = String(manifest["name"]);
  const seen = new Map<string, number>();
  return list(manifest["triggers"]).flatMap((raw, index): Problem[] => {
    const { type } = fields(raw);
    if (!isTriggerType(type) || type === "http") return [];
    const parsed = TRIGGER_KINDS[type].schema().safeParse(raw);
    if (!parsed.success) return [];
    const key = triggerKey(TRIGGER_KINDS[type].read(parsed.data), name);
    const other = seen.get(key);
    if (other !== undefined) {
      return [
        {
          path: ["triggers", index],
          rule: `is the same trigger as triggers[${other}]`,
          suggestion: "remove one",
        },
      ];
    }
    seen.set(key, index);
    return [];
  });
}

function edgeRules(manifest: Fields): Problem[] {
  if (fields(manifest["edge"])["enabled"] !== true) return [];
  const problems: Problem[] = [];
  const runtime = runtimeName(manifest["runtime"]);
  const path = ["edge", "enabled"];
  if (runtime !== undefined && runtime !== "typescript") {
    problems.push({ path, rule: `needs the runtime typescript, not ${runtime}` });
  }
  if (fields(manifest["resources"])["gpu"] !== undefined)
    problems.push({ path, rule: "the Edge has no GPUs" });
  return problems;
}

function egressRules(manifest: Fields): Problem[] {
  const seen = new Set<string>();
  return list(fields(manifest["network"])["egress"]).flatMap((value, index): Problem[] => {
    const origin = pick(egressLeaf(), value);
    if (origin === undefined) return [];
    if (seen.has(origin)) return [{ path: ["network", "egress", index], rule: "is listed twice" }];
    seen.add(origin);
    return [];
  });
}

/** Rules between fields. They look at the raw values, so that one bad field does not hide another's problem. */
export function crossFieldProblems(value: unknown, options: RuleOptions): Problem[] {
  const manifest = fields(value);
  return [
    ...entryRules(manifest),
    ...timeoutRule(manifest, options),
    ...scalingRule(manifest),
    ...environmentRules(manifest),
    ...pathRules(manifest),
    ...corsRules(manifest),
    ...duplicateRules(manifest),
    ...edgeRules(manifest),
    ...egressRules(manifest),
  ];
}

function entryRules(manifest: Fields): Problem[] {
  const runtime = runtimeName(manifest["runtime"]);
  const { entry } = manifest;
  if (runtime === undefined || typeof entry !== "string" || !/^\S{1,512}$/.test(entry)) return [];
  const problem = entryProblem(runtime, entry);
  return problem === undefined ? [] : [{ ...problem, path: ["entry"] }];
}
