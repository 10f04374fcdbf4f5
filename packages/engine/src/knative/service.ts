import { formatBytes, PlatformError } from "@hanzo-fn/contract";
import { containerOf } from "./container.ts";
import { SERVING, type KubeObject } from "./kube.ts";
import {
  functionLabels,
  ORG_ANNOTATION,
  REVISION_LABEL,
  SOURCE_ANNOTATION,
  VERSION_ANNOTATION,
} from "./labels.ts";
import { checkFunctionName, namespaceOf, ownName } from "./names.ts";
import { firstScaleAnnotations, scaleAnnotations } from "./scaling.ts";
import type { KnativeSettings } from "./settings.ts";
import type { FunctionWish, RevisionWish } from "./wish.ts";

const DIGEST = /^[a-z0-9][A-Za-z0-9.:_/-]*@sha256:[0-9a-f]{64}$/;

function checkImage({ desired, image }: RevisionWish): void {
  if (DIGEST.test(image)) return;
  throw new PlatformError("internal", `the image ${image} is not named by its digest`, {
    component: "engine/knative",
    function: desired.ref.function,
    revision: desired.ref.name,
  });
}

/** Knative's own timers are the safety net behind the proxy's: they count the cold start too. */
export function timeoutSeconds(
  { desired, gpu }: Pick<RevisionWish, "desired" | "gpu">,
  settings: Pick<KnativeSettings, "coldStartBudgetMs" | "gpu">,
): number {
  const budgetMs = gpu === undefined ? settings.coldStartBudgetMs : settings.gpu.coldStartBudgetMs;
  return Math.ceil((desired.timeoutMs + budgetMs) / 1000);
}

function placement({ gpu }: RevisionWish, settings: KnativeSettings): Record<string, unknown> {
  const runtimeClass = gpu === undefined ? settings.runtimeClass : settings.gpu.runtimeClass;
  const { nodeSelector, tolerations } = settings.gpu;
  return {
    ...(runtimeClass === undefined ? {} : { runtimeClassName: runtimeClass }),
    ...(gpu === undefined || Object.keys(nodeSelector).length === 0 ? {} : { nodeSelector }),
    ...(gpu === undefined || tolerations.length === 0 ? {} : { tolerations }),
  };
}

function templateAnnotations(fn: FunctionWish, revision: RevisionWish, settings: KnativeSettings) {
  const { desired, gpu, version } = revision;
  const deadlineMs = gpu === undefined ? settings.progressDeadlineMs : settings.gpu.progressDeadlineMs;
  return {
    ...scaleAnnotations(desired, fn.scaling),
    ...firstScaleAnnotations(revision, settings),
    "serving.knative.dev/progress-deadline": `${Math.ceil(deadlineMs / 1000)}s`,
    [VERSION_ANNOTATION]: version,
    [SOURCE_ANNOTATION]: desired.sourceDigest,
  };
}

function podSpec(revision: RevisionWish, settings: KnativeSettings): Record<string, unknown> {
  const seconds = timeoutSeconds(revision, settings);
  return {
    serviceAccountName: ownName(revision.desired.ref.function),
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    containerConcurrency: revision.desired.concurrency,
    timeoutSeconds: seconds,
    // Otherwise the cluster's default (300 s) ends a function that is silent for so long.
    responseStartTimeoutSeconds: seconds,
    ...placement(revision, settings),
    containers: [containerOf(revision, settings)],
    volumes: [{ name: "tmp", emptyDir: { sizeLimit: formatBytes(settings.tmpBytes) } }],
  };
}

/**
 * The Knative Service whose template makes `revision`, without `spec.traffic`, which has a field manager of its own.
 * A template is settled once its Revision exists: `serviceAction` says what of this is applied.
 */
export function serviceOf(fn: FunctionWish, revision: RevisionWish, settings: KnativeSettings): KubeObject {
  checkFunctionName(fn.function);
  checkImage(revision);
  const labels = functionLabels(fn.org, fn.function);
  // Where another ingress serves, the cluster's own default class is right.
  const annotations =
    settings.ingress === "native" ? { "networking.knative.dev/ingress.class": settings.ingressClass } : {};
  return {
    apiVersion: SERVING,
    kind: "Service",
    metadata: {
      name: fn.function,
      namespace: namespaceOf(fn.org, settings),
      labels,
      annotations: { ...annotations, [ORG_ANNOTATION]: fn.org },
    },
    spec: {
      template: {
        metadata: {
          name: revision.desired.ref.name,
          labels: { ...labels, [REVISION_LABEL]: revision.desired.ref.name },
          annotations: templateAnnotations(fn, revision, settings),
        },
        spec: podSpec(revision, settings),
      },
    },
  };
}
