import { isReservedVariable, PlatformError } from "@hanzo-fn/contract";
import { gatewaySecretName, GATEWAY_TOKEN_KEY, ownName, secretKey } from "./names.ts";
import { gatewayUrl } from "./gateway.ts";
import type { KnativeSettings } from "./settings.ts";
import type { RevisionWish } from "./wish.ts";

interface Variable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: Readonly<Record<string, unknown>>;
}

/** The kubelet expands `$(NAME)` in values and reads `$$` as one dollar sign; a value is meant as it is written. */
function literal(value: string): string {
  return value.replaceAll("$", "$$$$");
}

function fromSecret(name: string, key: string): Pick<Variable, "valueFrom"> {
  return { valueFrom: { secretKeyRef: { name, key, optional: false } } };
}

function byName<T>(record: Readonly<Record<string, T>>): (readonly [string, T])[] {
  return Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1));
}

/** Knative's webhook refuses some of these names, and the runtime server takes the others for its own. */
function refuseReserved({ desired }: RevisionWish): void {
  const names = [...Object.keys(desired.environment), ...Object.keys(desired.secrets)];
  const reserved = names.find(isReservedVariable);
  if (reserved === undefined) return;
  throw new PlatformError("invalid_manifest", `the variable ${reserved} is reserved for the platform`, {
    component: "engine/knative",
    function: desired.ref.function,
    revision: desired.ref.name,
    next: `rename ${reserved} in function.yaml`,
  });
}

function gatewayVariables(revision: RevisionWish, settings: KnativeSettings): Variable[] {
  if (revision.gatewayToken === undefined) return [];
  const secret = gatewaySecretName(revision.desired.ref.name);
  return [
    { name: "HANZO_FN_GATEWAY", value: gatewayUrl(settings) },
    { name: "HANZO_FN_GATEWAY_TOKEN", ...fromSecret(secret, GATEWAY_TOKEN_KEY) },
  ];
}

/**
 * The variables of the container: the user's, then ours (runtimes/contract.md, section 1). Source, entry and module path
 * are in the image; `PORT` and `K_*` come from Knative, which refuses them here.
 */
export function environmentOf(revision: RevisionWish, settings: KnativeSettings): Variable[] {
  refuseReserved(revision);
  const { ref, environment, secrets, concurrency, timeoutMs } = revision.desired;
  const secretName = ownName(ref.function);
  return [
    ...byName(environment).map(([name, value]) => ({ name, value: literal(value) })),
    ...byName(secrets).map(([name, secret]) => ({ name, ...fromSecret(secretName, secretKey(secret)) })),
    { name: "TMPDIR", value: "/tmp" },
    { name: "HANZO_FN_ORG", value: ref.org },
    { name: "HANZO_FN_FUNCTION", value: ref.function },
    { name: "HANZO_FN_REVISION", value: ref.name },
    { name: "HANZO_FN_POD", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
    // As HIP-60 prints X-Function-Instance: `fn-` and the pod's name.
    { name: "HANZO_FN_INSTANCE", value: "fn-$(HANZO_FN_POD)" },
    { name: "HANZO_FN_CONCURRENCY", value: String(concurrency) },
    { name: "HANZO_FN_TIMEOUT_MS", value: String(timeoutMs) },
    // SIGTERM comes after Knative's proxy has drained; what still runs then has its own timeout.
    { name: "HANZO_FN_DRAIN_MS", value: String(timeoutMs) },
    ...gatewayVariables(revision, settings),
  ];
}
