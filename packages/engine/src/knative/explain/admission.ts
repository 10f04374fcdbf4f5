import { PlatformError } from "@hanzo-fn/contract";
import type { Verdict } from "./verdict.ts";

/** Knative's webhook adds where in the Service it is. */
const QUOTA = /exceeded quota: ([^,]+), requested: (.+), used: (.+), limited: (.+?)(?:: spec\.[\w.]+)?$/;

/** Why the API server takes no pod of the revision: a budget, a policy, an admission webhook. Undefined for other texts. */
export function admissionVerdict(message: string): Verdict | undefined {
  const quota = QUOTA.exec(message.trim());
  if (quota !== null) {
    const [, name, requested, used, limited] = quota;
    const words = `the organisation's budget ${name} is used up: an instance needs ${requested}, ${used} of ${limited} are in use`;
    const next = "lower resources or scaling in function.yaml, or raise knative.quota";
    return { code: "quota_exceeded", message: words, next, final: false };
  }
  if (/must specify (requests|limits)|failed quota/.test(message)) {
    const next =
      "kubectl get resourcequota,limitrange --all-namespaces -l app.kubernetes.io/managed-by=hanzo-functions";
    return {
      code: "quota_exceeded",
      message: `a quota refuses the instance: ${message}`,
      next,
      final: false,
    };
  }
  if (/violates PodSecurity|admission webhook|is forbidden|denied the request/.test(message)) {
    const next = "hanzo-fn cluster check";
    return {
      code: "object_rejected",
      message: `the cluster refuses the instance: ${message}`,
      next,
      final: false,
    };
  }
  return undefined;
}

/** An error answer of the API server (`Status`), as far as it is read here. */
export interface ApiStatus {
  /** HTTP status. */
  readonly code: number;
  readonly reason?: string;
  readonly message?: string;
}

/** What a refused request means for the user; the webhook's own words are in it, unchanged. */
export function refusedRequest(
  status: ApiStatus,
  subject: { readonly function: string; readonly revision?: string | undefined; readonly kind: string },
): PlatformError {
  const message = status.message ?? status.reason ?? `HTTP ${status.code}`;
  const { function: name, revision, kind } = subject;
  const about = { component: "engine/knative", function: name, revision };
  if (status.code === 409 && /conflict/i.test(message)) {
    const words = `another manager holds fields of the ${kind} of ${name}: ${message}`;
    const next = `kubectl get ${kind.toLowerCase()} --show-managed-fields -l functions.hanzo.ai/function=${name} -A -o yaml`;
    return new PlatformError("conflict", words, { ...about, next });
  }
  const verdict = admissionVerdict(message);
  if (verdict?.code === "quota_exceeded") {
    return new PlatformError("quota_exceeded", verdict.message, { ...about, next: verdict.next });
  }
  if (status.code === 403 && !/admission webhook|PodSecurity/.test(message)) {
    const words = `the platform may not write the ${kind} of ${name}: ${message}`;
    return new PlatformError("unavailable", words, { ...about, next: "hanzo-fn cluster check" });
  }
  if (status.code >= 500 || status.code === 429) {
    const words = `Kubernetes does not answer for the ${kind} of ${name}: ${message}`;
    return new PlatformError("unavailable", words, { ...about, next: "hanzo-fn cluster check" });
  }
  const words = `Kubernetes refuses the ${kind} of ${name}: ${message}`;
  return new PlatformError("object_rejected", words, { ...about, next: "hanzo-fn cluster check" });
}
