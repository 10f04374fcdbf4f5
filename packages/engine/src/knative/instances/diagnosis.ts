import { PlatformError, type ErrorCode } from "@hanzo-fn/contract";
import { userContainers } from "../explain/containers.ts";
import type { Pod } from "../explain/live.ts";
import type { RevisionFacts } from "./revision-facts.ts";

/** How a call ended without an answer of the function's. */
export type Trouble =
  /** No connection was made: nothing of the call can have reached the instance. */
  | { readonly how: "refused"; readonly error: string }
  | { readonly how: "cut" }
  /** Knative's programs answered in the instance's place. */
  | { readonly how: "answered"; readonly status: number };

export interface TroubledCall {
  readonly revision: RevisionFacts;
  /** Undefined where the activator chose it. */
  readonly pod: string | undefined;
  /** Epoch milliseconds. */
  readonly beganAtMs: number;
  readonly trouble: Trouble;
}

/** Kubernetes' times are whole seconds, by the node's clock. */
const CLOCK_SLACK_MS = 2000;

function failure(
  { revision }: TroubledCall,
  code: ErrorCode,
  message: string,
  next: string | undefined = `hanzo-fn logs ${revision.function} --revision ${revision.number}`,
): PlatformError {
  return new PlatformError(code, message, {
    component: "engine/knative",
    function: revision.function,
    revision: revision.name,
    next,
  });
}

function whoOf({ pod }: TroubledCall): string {
  return pod === undefined ? "an instance" : `instance fn-${pod}`;
}

/** What its container's end during the call says. */
function exitOf(pod: Pod, call: TroubledCall): PlatformError | undefined {
  const who = `instance fn-${pod.metadata.name}`;
  for (const { state, lastState } of userContainers(pod)) {
    const ended = state?.terminated ?? lastState?.terminated;
    if (ended?.finishedAt === undefined) continue;
    if (Date.parse(ended.finishedAt) < call.beganAtMs - CLOCK_SLACK_MS) continue;
    if (ended.reason === "OOMKilled") {
      const next = "raise resources.memory in function.yaml and deploy again";
      const message = `${who} needed more than its ${call.revision.memory} of memory`;
      return failure(call, "out_of_memory", message, next);
    }
    const code = ended.exitCode ?? 0;
    const how = code > 128 ? `was ended by signal ${code - 128}` : `exited with code ${code}`;
    return failure(call, "instance_exited", `${who} ${how}`);
  }
  return undefined;
}

function endOf(pod: Pod, call: TroubledCall): PlatformError | undefined {
  const who = `instance fn-${pod.metadata.name}`;
  if (pod.status?.reason === "Evicted") {
    const why = pod.status.message ?? "the node is short of something";
    return failure(call, "instance_killed", `${who} was evicted: ${why}`);
  }
  const exit = exitOf(pod, call);
  if (exit !== undefined) return exit;
  if (pod.metadata.deletionTimestamp === undefined || call.trouble.how === "answered") return undefined;
  return failure(call, "instance_killed", `${who} was taken down by the cluster`);
}

/** By the trouble alone, where waiting for more makes no difference. */
function plain(call: TroubledCall): PlatformError | undefined {
  const { trouble, revision } = call;
  if (trouble.how === "refused") {
    return failure(call, "upstream_unreachable", `${whoOf(call)} takes no connection: ${trouble.error}`);
  }
  if (trouble.how === "cut") return undefined;
  switch (trouble.status) {
    case 404:
      return failure(call, "draining", `${revision.name} is no longer in the cluster`);
    case 503: {
      const next = "raise scaling.max_instances or resources.concurrency";
      return failure(
        call,
        "no_capacity",
        `too many calls wait for ${revision.name} in the cluster already`,
        next,
      );
    }
    case 504: {
      const message =
        call.pod === undefined ? "no instance answered in time" : `${whoOf(call)} did not answer in time`;
      return failure(call, call.pod === undefined ? "queue_timeout" : "timeout", message);
    }
    default:
      return undefined;
  }
}

/**
 * Why a call has no answer, from what is known of the revision's pods; undefined where they say nothing yet. `pods` are
 * undefined where they were not asked for yet.
 */
export function diagnose(call: TroubledCall, pods: readonly Pod[] | undefined): PlatformError | undefined {
  const known = plain(call);
  if (known !== undefined || pods === undefined) return known;
  const own = call.pod === undefined ? pods : pods.filter(({ metadata }) => metadata.name === call.pod);
  if (call.pod !== undefined && own.length === 0) {
    return failure(call, "instance_killed", `${whoOf(call)} was taken down by the cluster`);
  }
  for (const pod of own) {
    const end = endOf(pod, call);
    if (end !== undefined) return end;
  }
  return undefined;
}

/** What is left to say where the cluster said nothing in time. */
export function unexplained(call: TroubledCall): PlatformError {
  const { trouble } = call;
  const what =
    trouble.how === "answered"
      ? `Knative answered ${trouble.status} in its place`
      : "the connection to it broke before it had answered";
  return failure(call, "upstream_unreachable", `${whoOf(call)} did not answer: ${what}`);
}
