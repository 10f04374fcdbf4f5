import { PlatformError, type Secret } from "@hanzo-fn/contract";
import { ownedBy, type KubeObject } from "./kube.ts";
import { CHANGED_ANNOTATION, functionLabels, REVISION_LABEL } from "./labels.ts";
import { gatewaySecretName, GATEWAY_TOKEN_KEY, namespaceOf, ownName, secretKey } from "./names.ts";
import type { MergePatch } from "./scaling.ts";
import type { KnativeSettings } from "./settings.ts";
import type { FunctionWish, RevisionWish } from "./wish.ts";

/** The API server's limit for all values of one Secret. */
const MAX_BYTES = 1_048_576;

function base64(value: Secret): string {
  return Buffer.from(value.reveal()).toString("base64");
}

/** The values as a Secret's `data`, sorted by key. Throws `missing_secret` and `payload_too_large`. */
export function secretData(
  fn: Pick<FunctionWish, "function" | "secrets">,
  revisions: readonly RevisionWish[],
): Record<string, string> {
  const names = new Set(revisions.flatMap(({ desired }) => Object.values(desired.secrets)));
  const entries = [...names].map((name): [string, string] => {
    const value = fn.secrets.get(name);
    if (value !== undefined) return [secretKey(name), base64(value)];
    throw new PlatformError("missing_secret", `the secret ${name} does not exist`, {
      component: "engine/knative",
      function: fn.function,
      next: `hanzo-fn secrets set ${name}`,
    });
  });
  const size = entries.reduce((total, [, value]) => total + (value.length * 3) / 4, 0);
  if (size > MAX_BYTES) {
    const message = `the secrets of ${fn.function} have more than 1Mi together, which a Kubernetes Secret cannot hold`;
    throw new PlatformError("payload_too_large", message, {
      component: "engine/knative",
      function: fn.function,
    });
  }
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** The user's secrets, of all revisions. It is there without any, so that a revision is never in front of a missing one. */
export function userSecret(
  fn: FunctionWish,
  revisions: readonly RevisionWish[],
  settings: KnativeSettings,
): KubeObject {
  const changed = fn.secretsChangedAt;
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: {
      name: ownName(fn.function),
      namespace: namespaceOf(fn.org, settings),
      labels: functionLabels(fn.org, fn.function),
      ...(changed === undefined ? {} : { annotations: { [CHANGED_ANNOTATION]: changed } }),
      ...ownedBy(fn.owner),
    },
    type: "Opaque",
    data: secretData(fn, revisions),
  };
}

/** The gateway's token of one revision; it goes with the Revision once that exists. */
export function gatewaySecret(
  fn: FunctionWish,
  { desired, gatewayToken, owner }: RevisionWish,
  settings: KnativeSettings,
): KubeObject[] {
  if (gatewayToken === undefined) return [];
  return [
    {
      apiVersion: "v1",
      kind: "Secret",
      metadata: {
        name: gatewaySecretName(desired.ref.name),
        namespace: namespaceOf(fn.org, settings),
        labels: { ...functionLabels(fn.org, fn.function), [REVISION_LABEL]: desired.ref.name },
        ...ownedBy(owner ?? fn.owner),
      },
      type: "Opaque",
      data: { [GATEWAY_TOKEN_KEY]: base64(gatewayToken) },
    },
  ];
}

/** A Secret as the API server gives it. */
export interface LiveSecret {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
  readonly data?: Readonly<Record<string, string>>;
}

/**
 * When the values last changed, for `FunctionWish.secretsChangedAt`. A value that is new or gone rotates nothing: only pods
 * that hold an old one have to be replaced.
 */
export function rotation(
  live: LiveSecret | undefined,
  wanted: Readonly<Record<string, string>>,
  now: Date,
): string | undefined {
  const before = live?.data ?? {};
  const rotated = Object.entries(wanted).some(
    ([key, value]) => before[key] !== undefined && before[key] !== value,
  );
  return rotated ? now.toISOString() : live?.metadata.annotations?.[CHANGED_ANNOTATION];
}

const RESTARTED = "kubectl.kubernetes.io/restartedAt";

export interface RestartPatch {
  readonly spec: { readonly template: MergePatch };
}

/** A Deployment as far as a restart goes. */
export interface LiveDeployment {
  readonly metadata: { readonly creationTimestamp: string };
  readonly spec: {
    readonly template: { readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> } };
  };
}

/**
 * The merge patch of `<revision>-deployment` that rolls its pods after a rotation; undefined where its pods are younger.
 * Knative 1.21 and later keeps the annotation and rolls without a gap.
 */
export function restartPatch(
  deployment: LiveDeployment,
  secretsChangedAt: string | undefined,
): RestartPatch | undefined {
  if (secretsChangedAt === undefined) return undefined;
  const changed = Date.parse(secretsChangedAt);
  const restarted = deployment.spec.template.metadata?.annotations?.[RESTARTED];
  if (restarted !== undefined && Date.parse(restarted) >= changed) return undefined;
  // Whole seconds, by another clock: one restart too many is better than an old value.
  if (Date.parse(deployment.metadata.creationTimestamp) > changed + 60_000) return undefined;
  return { spec: { template: { metadata: { annotations: { [RESTARTED]: secretsChangedAt } } } } };
}
