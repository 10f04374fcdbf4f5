import { PlatformError } from "@hanzo-fn/contract";
import { type Kubernetes, statusOf } from "@hanzo-fn/kubernetes";
import { refusedRequest } from "../explain/admission.ts";
import { kindOf } from "./kinds.ts";
import { SERVING } from "../kube.ts";
import type { LiveService, Step } from "../plan.ts";
import { asPlatformError } from "./publications.ts";

type Calls = Pick<Kubernetes, "apply" | "patch" | "delete">;

/** A step that the API server refused, in words for the function's user. */
export interface RefusedStep {
  readonly error: PlatformError;
  /** Name of the revision that it was to make; undefined where it concerns the whole function. */
  readonly revision: string | undefined;
}

/** The revision that a step makes. */
export function revisionMade(step: Step): string | undefined {
  if (step.kind !== "apply" || step.object.kind !== "Service" || step.object.apiVersion !== SERVING)
    return undefined;
  return (step.object as unknown as LiveService).spec.template?.metadata?.name;
}

async function send(kubernetes: Calls, step: Step, signal: AbortSignal): Promise<void> {
  if (step.kind === "apply") {
    const { object, manager } = step;
    await kubernetes.apply(kindOf(object), object, { fieldManager: manager, force: true }, signal);
    return;
  }
  const kind = kindOf(step.target);
  if (step.kind === "delete") {
    await kubernetes.delete(kind, step.target, { propagation: "Background" }, signal);
    return;
  }
  try {
    await kubernetes.patch(kind, step.target, { type: "merge", merge: step.patch }, {}, signal);
  } catch (error) {
    // A missing object is no reason to make one: whoever makes it will be told then.
    if (statusOf(error)?.code !== 404) throw error;
  }
}

/** The API server's no, told as `refusedRequest` has it; what is no answer of its own stays as it is. */
export function inWords(
  error: unknown,
  about: { readonly function: string; readonly revision?: string | undefined; readonly kind: string },
): PlatformError {
  const status = statusOf(error);
  return status === undefined ? asPlatformError(error) : refusedRequest(status, about);
}

/**
 * Carries the steps out in order; what pods need before their Service goes together. Stops at the first that is refused,
 * and says which.
 */
export async function carryOut(
  kubernetes: Calls,
  functionName: string,
  steps: readonly Step[],
  signal: AbortSignal,
): Promise<RefusedStep | undefined> {
  const one = async (step: Step): Promise<RefusedStep | undefined> => {
    try {
      await send(kubernetes, step, signal);
      return undefined;
    } catch (error) {
      signal.throwIfAborted();
      const revision = revisionMade(step);
      const { kind } = step.kind === "apply" ? step.object : step.target;
      return { error: inWords(error, { function: functionName, revision, kind }), revision };
    }
  };
  const isNeeded = (step: Step): boolean => step.kind === "apply" && step.object.apiVersion !== SERVING;
  const refused = (await Promise.all(steps.filter(isNeeded).map(one))).find((item) => item !== undefined);
  if (refused !== undefined) return refused;
  for (const step of steps) {
    const no = isNeeded(step) ? undefined : await one(step);
    if (no !== undefined) return no;
  }
  return undefined;
}
