/** Objects as the API server gives them, as far as they are read here. Every field may be missing. */
export interface Condition {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly reason?: string;
  readonly message?: string;
  readonly lastTransitionTime?: string;
}

interface LiveMeta {
  readonly name: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
}

/** A Knative Service, Configuration, Revision or Route. */
export interface Conditioned {
  readonly metadata: LiveMeta;
  readonly status?: { readonly observedGeneration?: number; readonly conditions?: readonly Condition[] };
}

interface Ended {
  readonly exitCode?: number;
  readonly reason?: string;
  readonly message?: string;
  readonly finishedAt?: string;
}

export interface ContainerStatus {
  readonly name: string;
  readonly ready?: boolean;
  readonly restartCount?: number;
  readonly state?: {
    readonly waiting?: { readonly reason?: string; readonly message?: string };
    readonly running?: { readonly startedAt?: string };
    readonly terminated?: Ended;
  };
  readonly lastState?: { readonly terminated?: Ended };
}

export interface Pod {
  readonly metadata: LiveMeta;
  readonly status?: {
    readonly phase?: string;
    readonly reason?: string;
    readonly message?: string;
    readonly startTime?: string;
    readonly conditions?: readonly Condition[];
    readonly containerStatuses?: readonly ContainerStatus[];
  };
}

/** An Event about a pod of the revision, or about its ReplicaSet. */
export interface ClusterEvent {
  readonly type?: string;
  readonly reason?: string;
  readonly message?: string;
}

export function condition(object: Conditioned | undefined, type: string): Condition | undefined {
  return object?.status?.conditions?.find((item) => item.type === type);
}

/** Whether the status speaks of the object as it is now; without a generation there is nothing to compare. */
export function isCurrent({ metadata, status }: Conditioned): boolean {
  return metadata.generation === undefined || status?.observedGeneration === metadata.generation;
}
