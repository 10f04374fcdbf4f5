import type { PlatformError } from "@hanzo-fn/contract";
import type { Kubernetes } from "@hanzo-fn/kubernetes";
import { withDeadline, type Clock } from "@hanzo-fn/lifecycle";
import { diagnose, unexplained, type TroubledCall } from "./diagnosis.ts";
import { PODS } from "./kinds.ts";
import type { LaneContext } from "./lane.ts";

/** A container's end is in its pod's status about a second later, on a node that is busy several. */
const LOOKS_MS = 10_000;
const EVERY_MS = 250;

/** Asks the cluster about the pods of a revision until they say why a call ended, but not for long. */
export function createExplainer(
  { kubernetes, clock }: { readonly kubernetes: Pick<Kubernetes, "list">; readonly clock: Clock },
  signal: AbortSignal,
): LaneContext["diagnose"] {
  const look = async (call: TroubledCall, signal: AbortSignal): Promise<PlatformError> => {
    const { namespace, name } = call.revision;
    const query = { namespace, labelSelector: `serving.knative.dev/revision=${name}` };
    for (;;) {
      const { items } = await kubernetes.list(PODS, query, signal);
      const found = diagnose(call, items);
      if (found !== undefined) return found;
      await clock.sleep(EVERY_MS, signal);
    }
  };
  return async (revision, pod, heldMs, trouble) => {
    const call: TroubledCall = { revision, pod, beganAtMs: clock.now() - heldMs, trouble };
    const known = diagnose(call, undefined);
    if (known !== undefined) return known;
    // Neither a cluster that is silent nor one that cannot be reached is the caller's concern.
    return withDeadline(clock, LOOKS_MS, signal, (signal) => look(call, signal)).catch(() =>
      unexplained(call),
    );
  };
}
