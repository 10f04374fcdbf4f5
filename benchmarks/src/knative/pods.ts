import { stat } from "node:fs/promises";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { createKubernetes, kubeconfigAccess, type Kind, type KubeObject } from "@hanzo-fn/kubernetes";
import { systemClock } from "@hanzo-fn/lifecycle";

export interface Pod extends KubeObject {
  readonly status?: {
    readonly podIP?: string;
    readonly conditions?: ReadonlyArray<{ readonly type: string; readonly status: string }>;
  };
}

const PODS: Kind<Pod> = { apiVersion: "v1", kind: "Pod", plural: "pods", namespaced: true };
const REVISION_LABEL = "serving.knative.dev/revision";

/** When each thing about a pod was first seen, in ms since the epoch: the API's own times are whole seconds. */
export interface Seen {
  readonly pod: Pod;
  readonly created: number;
  scheduled?: number;
  address?: number;
  ready?: number;
  leaving?: number;
}

export const now = (): number => performance.timeOrigin + performance.now();

export interface PodWatch extends Disposable {
  /** The pod of a revision that was made after `since`. */
  made(revision: string, since: number): Seen | undefined;
  /** Resolves when no pod of the revision is there but such that end. */
  atZero(revision: string): Promise<void>;
}

function note(seen: Seen, { metadata, status }: Pod, at: number): void {
  const holds = (type: string): boolean =>
    status?.conditions?.some((one) => one.type === type && one.status === "True") === true;
  if (holds("PodScheduled")) seen.scheduled ??= at;
  if (status?.podIP !== undefined) seen.address ??= at;
  if (holds("Ready")) seen.ready ??= at;
  if (metadata.deletionTimestamp !== undefined) seen.leaving ??= at;
}

const POLL_MS = 100;
/** From the end of a pod is told until proxy and activator know. */
const SETTLE_MS = 500;
const ZERO_WITHIN_MS = 90_000;

export async function watchPods(kubeconfig: string, signal: AbortSignal): Promise<PodWatch> {
  const config = await kubeconfigAccess(systemClock, { files: [kubeconfig], environment: {} });
  const log = { debug: () => {}, info: () => {}, warn: () => {} };
  const kubernetes = createKubernetes({ config, clock: systemClock, log });
  const ended = new AbortController();
  const all = new Map<string, Seen>();
  const onChange = (key: string, pod: Pod | undefined): void => {
    const at = now();
    if (pod === undefined) {
      for (const [uid, { pod: old }] of all) {
        if (`${old.metadata.namespace}/${old.metadata.name}` === key) all.delete(uid);
      }
      return;
    }
    const uid = pod.metadata.uid ?? key;
    const seen = all.get(uid) ?? { pod, created: at };
    all.set(uid, seen);
    note(seen, pod, at);
  };
  const watch = kubernetes.watchObjects(
    { kind: PODS, labelSelector: REVISION_LABEL },
    { onChange },
    AbortSignal.any([signal, ended.signal]),
  );
  await watch.synced;
  const of = (revision: string): Seen[] =>
    [...all.values()].filter(({ pod }) => pod.metadata.labels?.[REVISION_LABEL] === revision);
  return {
    made: (revision, since) => of(revision).find(({ created }) => created >= since),
    async atZero(revision) {
      const deadline = now() + ZERO_WITHIN_MS;
      const isAtZero = (): boolean =>
        of(revision).every(({ leaving }) => leaving !== undefined && now() - leaving > SETTLE_MS);
      while (!isAtZero()) {
        if (now() > deadline) throw new Error(`${revision} was not scaled to zero in ${ZERO_WITHIN_MS} ms`);
        await sleep(POLL_MS, undefined, { signal });
      }
    },
    [Symbol.dispose]() {
      ended.abort(new Error("nobody looks any more"));
      kubernetes.close();
    },
  };
}

/**
 * When the node came to make the first container (its sandbox is there then), and when it started the one with the
 * code, in ms since the epoch: by the birth of the folders and files of their logs.
 */
export async function nodeTimes(
  podLogs: string,
  { pod: { metadata } }: Seen,
  container: string,
): Promise<{ readonly sandbox: number; readonly started: number }> {
  const folder = join(podLogs, `${metadata.namespace}_${metadata.name}_${metadata.uid}`, container);
  const [made, log] = await Promise.all([stat(folder), stat(join(folder, "0.log"))]);
  return { sandbox: made.birthtimeMs, started: log.birthtimeMs };
}
