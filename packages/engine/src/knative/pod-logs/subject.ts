import { CONTAINER } from "../container.ts";
import { FUNCTION_LABEL, REVISION_LABEL } from "../labels.ts";
import type { LivePod } from "../instances/kinds.ts";

/** Whose log a pod's is. */
export interface LogSubject {
  readonly namespace: string;
  readonly pod: string;
  readonly uid: string;
  readonly org: string;
  readonly function: string;
  /** Revision name. */
  readonly revision: string;
  /** The name in `X-Function-Instance`. */
  readonly instance: string;
}

/** Undefined where the pod is no instance of a function. */
export function subjectOf({ metadata, spec }: LivePod): LogSubject | undefined {
  const { namespace, name, uid, labels = {} } = metadata;
  const functionName = labels[FUNCTION_LABEL];
  const revision = labels[REVISION_LABEL];
  const container = spec?.containers?.find((item) => item.name === CONTAINER);
  // Its label may be a hash.
  const org = container?.env?.find((item) => item.name === "HANZO_FN_ORG")?.value;
  if (namespace === undefined || uid === undefined || functionName === undefined) return undefined;
  if (revision === undefined || org === undefined) return undefined;
  return { namespace, pod: name, uid, org, function: functionName, revision, instance: `fn-${name}` };
}

/** What can be read of the container's log. */
export interface ContainerLog {
  /** There is one. */
  readonly begun: boolean;
  /** Nothing more comes. */
  readonly ended: boolean;
  /** Every start has a log of its own; the server gives the last one and the one before. */
  readonly restarts: number;
}

export function containerLog({ status }: LivePod): ContainerLog {
  const container = status?.containerStatuses?.find((item) => item.name === CONTAINER);
  const restarts = container?.restartCount ?? 0;
  const { running, terminated } = container?.state ?? {};
  const ended = status?.phase === "Succeeded" || status?.phase === "Failed";
  return { begun: running !== undefined || terminated !== undefined || restarts > 0, ended, restarts };
}

/** What is kept of a pod: there may be thousands. */
export function keptOf(pod: LivePod): LivePod {
  const { name, namespace, uid, resourceVersion, labels = {}, deletionTimestamp } = pod.metadata;
  const container = pod.spec?.containers?.find((item) => item.name === CONTAINER);
  const env = container?.env?.filter((item) => item.name === "HANZO_FN_ORG") ?? [];
  const { phase, containerStatuses = [] } = pod.status ?? {};
  return {
    apiVersion: pod.apiVersion,
    kind: pod.kind,
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
      labels: Object.fromEntries(
        [FUNCTION_LABEL, REVISION_LABEL].flatMap((label) =>
          labels[label] === undefined ? [] : [[label, labels[label]]],
        ),
      ),
    },
    spec: { containers: [{ name: CONTAINER, env }] },
    status: {
      ...(phase === undefined ? {} : { phase }),
      containerStatuses: containerStatuses.filter((item) => item.name === CONTAINER),
    },
  };
}
