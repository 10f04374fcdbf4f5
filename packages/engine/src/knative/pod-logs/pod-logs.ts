import type { LogSink } from "@hanzo-fn/contract";
import type { Kubernetes, ObjectWatch } from "@hanzo-fn/kubernetes";
import { abortable, createGate, type Clock, type Service } from "@hanzo-fn/lifecycle";
import type { Logger } from "@hanzo-fn/telemetry";
import { PODS, type LivePod } from "../instances/kinds.ts";
import { MANAGED_BY_SELECTOR } from "../labels.ts";
import { followPod, type FollowerDeps } from "./follower.ts";
import { containerLog, keptOf, subjectOf, type LogSubject } from "./subject.ts";

export interface PodLogsDeps {
  readonly kubernetes: Pick<Kubernetes, "watchObjects" | "podLogs">;
  readonly sink: LogSink;
  readonly clock: Clock;
  readonly log: Pick<Logger, "warn">;
  /**
   * When the last line of this instance that is kept was written, in epoch ms: where to go on after a restart of the platform.
   * Without it such a log is read from its beginning.
   */
  readonly lastLineMs?: ((subject: LogSubject) => Promise<number | undefined>) | undefined;
}

export interface PodLogsOptions {
  /** Logs that are followed at once, each by a connection; the others wait for their turn. */
  readonly maxFollowed: number;
  /** How long the log of a pod that is gone may still come. */
  readonly afterEndMs: number;
}

const DEFAULTS: PodLogsOptions = { maxFollowed: 1000, afterEndMs: 5000 };

interface Following {
  readonly uid: string;
  readonly ending: AbortController;
  gone: boolean;
}

/** Brings the logs of functions' pods to where all logs are kept. One platform at a time does. */
export function createPodLogs(deps: PodLogsDeps, given: Partial<PodLogsOptions> = {}): Service {
  const { kubernetes, sink, clock, log } = deps;
  const options = { ...DEFAULTS, ...given };
  const stopped = new AbortController();
  const following = new Map<string, Following>();
  const running = new Set<Promise<void>>();
  const gate = createGate(options.maxFollowed);
  let pods: ObjectWatch<LivePod> | undefined;

  const followerDeps: FollowerDeps = {
    kubernetes,
    sink,
    clock,
    lastLineMs: deps.lastLineMs,
    onFailure: ({ namespace, pod }, error) =>
      log.warn("a pod's log is not read yet", { namespace, pod, error }),
  };
  const follow = async (key: string, subject: LogSubject, entry: Following): Promise<void> => {
    const look = () => {
      const pod = entry.gone ? undefined : pods?.get(key);
      return pod === undefined || pod.metadata.uid !== subject.uid ? undefined : containerLog(pod);
    };
    const { signal } = entry.ending;
    await gate(signal, () => followPod(followerDeps, subject, look, signal)).catch(() => undefined);
  };
  const begin = (key: string, subject: LogSubject): void => {
    const ending = new AbortController();
    const entry: Following = { uid: subject.uid, ending, gone: false };
    following.set(key, entry);
    const one = follow(key, subject, entry).finally(() => running.delete(one));
    running.add(one);
  };
  /** The container ended before its pod went: what is on its way still comes. */
  const end = (key: string, entry: Following): void => {
    following.delete(key);
    entry.gone = true;
    const abort = (): void => entry.ending.abort(new Error("the pod is gone"));
    clock
      .sleep(options.afterEndMs, AbortSignal.any([stopped.signal, entry.ending.signal]))
      .then(abort, abort);
  };
  const onChange = (key: string, pod: LivePod | undefined): void => {
    const known = following.get(key);
    if (known !== undefined && known.uid !== pod?.metadata.uid) end(key, known);
    if (pod === undefined || following.has(key) || !containerLog(pod).begun) return;
    const subject = subjectOf(pod);
    if (subject !== undefined) begin(key, subject);
  };

  return {
    name: "engine/knative logs",
    async start(signal) {
      signal.throwIfAborted();
      pods ??= kubernetes.watchObjects(
        { kind: PODS, labelSelector: MANAGED_BY_SELECTOR, keep: keptOf },
        { onChange },
        stopped.signal,
      );
      await abortable(pods.synced, signal);
    },
    async stop() {
      stopped.abort(new Error("logs are followed no longer"));
      for (const { ending } of following.values()) ending.abort(stopped.signal.reason);
      await Promise.all(running);
    },
  };
}
