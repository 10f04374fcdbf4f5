import type { InstanceInfo, RevisionFailure, RevisionState } from "../../engine.ts";
import { admissionVerdict } from "./admission.ts";
import { containerVerdict, userContainers } from "./containers.ts";
import { isPullReason, pullVerdict } from "./images.ts";
import {
  condition,
  isCurrent,
  type ClusterEvent,
  type Condition,
  type Conditioned,
  type Pod,
} from "./live.ts";
import { unschedulableVerdict } from "./scheduling.ts";
import { logsOf, type Subject, type Verdict } from "./verdict.ts";

/** What is known of one revision; everything may be missing, and old. */
export interface Observed {
  readonly service?: Conditioned | undefined;
  readonly revision?: Conditioned | undefined;
  readonly route?: Conditioned | undefined;
  readonly pods: readonly Pod[];
  /** Events about its pods and its ReplicaSet, oldest first. */
  readonly events: readonly ClusterEvent[];
  /** Of `<revision>-deployment`. */
  readonly deploymentConditions: readonly Condition[];
  /** The last lines that the code logged, oldest first. */
  readonly logTail: readonly string[];
  readonly progressDeadlineMs: number;
}

/** The pieces of a `RevisionStatus` that the cluster knows. */
export interface Explained {
  readonly state: RevisionState;
  readonly failure?: RevisionFailure;
  /** What is being waited for while it starts. */
  readonly waiting?: Verdict;
  readonly instances: readonly InstanceInfo[];
  readonly warnings: readonly string[];
}

/** How long after the progress deadline Knative's own verdict is awaited. */
const DEADLINE_GRACE_MS = 30_000;
/** How long a Route may take before its users hear of it. */
const ROUTE_GRACE_MS = 30_000;

function scheduling(pods: readonly Pod[], events: readonly ClusterEvent[]): Verdict | undefined {
  for (const pod of pods) {
    const scheduled = pod.status?.conditions?.find(({ type }) => type === "PodScheduled");
    if (scheduled?.status === "False" && scheduled.message !== undefined) {
      return unschedulableVerdict(scheduled.message);
    }
  }
  const event = events.findLast(({ reason }) => reason === "FailedScheduling");
  const isScheduled = pods.some((pod) =>
    pod.status?.conditions?.some(({ type, status }) => type === "PodScheduled" && status === "True"),
  );
  return event?.message === undefined || isScheduled ? undefined : unschedulableVerdict(event.message);
}

/** Why no pod is made at all. */
function creation(observed: Observed): Verdict | undefined {
  const messages = [
    ...observed.deploymentConditions
      .filter(({ type, status }) => type === "ReplicaFailure" && status === "True")
      .map(({ message }) => message),
    ...observed.events.filter(({ reason }) => reason === "FailedCreate").map(({ message }) => message),
  ];
  return observed.pods.length > 0
    ? undefined
    : messages.map((text) => admissionVerdict(text ?? "")).find(Boolean);
}

/** What Knative itself says, where nothing more exact is known. */
function knativeVerdict(observed: Observed, subject: Subject): Verdict | undefined {
  const { revision } = observed;
  const healthy = condition(revision, "ContainerHealthy");
  const available = condition(revision, "ResourcesAvailable");
  const failed = [healthy, available, condition(revision, "Ready")].find((item) => item?.status === "False");
  if (failed === undefined) return undefined;
  const { reason = "", message = "" } = failed;
  if (reason === "ContainerMissing" || isPullReason(reason)) return pullVerdict(reason, message, true);
  if (reason === "Unschedulable") return unschedulableVerdict(message);
  const admission = admissionVerdict(message);
  if (admission !== undefined) return admission;
  const next = logsOf(subject);
  const exitCode = /^ExitCode(\d+)$/.exec(reason)?.[1];
  if (exitCode !== undefined) {
    const code = subject.proven ? "crash_loop" : "load_failed";
    return { code, message: `the code exited with code ${exitCode}: ${message}`, next, final: true };
  }
  if (reason === "ProgressDeadlineExceeded") {
    const seconds = Math.round(observed.progressDeadlineMs / 1000);
    const words = `no instance became ready within ${seconds} s`;
    return { code: "start_timeout", message: `${words} (${message})`, next, final: true };
  }
  if (reason === "NotOwned") {
    const words = `somebody else's object is in the way: ${message}`;
    return {
      code: "conflict",
      message: words,
      next: "kubectl delete it, or rename the function",
      final: true,
    };
  }
  const words = `Knative says ${reason === "" ? "that it failed" : reason}${message === "" ? "" : `: ${message}`}`;
  return { code: "load_failed", message: words, next, final: true };
}

function cause(observed: Observed, subject: Subject): Verdict | undefined {
  const live = observed.pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  const containers = live.map((pod) => containerVerdict(pod, subject, observed.logTail)).find(Boolean);
  return (
    containers ?? scheduling(live, observed.events) ?? creation(observed) ?? knativeVerdict(observed, subject)
  );
}

function instanceOf(pod: Pod): InstanceInfo {
  const [container] = userContainers(pod);
  const ready = userContainers(pod).length > 0 && userContainers(pod).every((item) => item.ready === true);
  const leaving = pod.metadata.deletionTimestamp !== undefined;
  const startedAt =
    container?.state?.running?.startedAt ?? pod.status?.startTime ?? pod.metadata.creationTimestamp ?? "";
  return {
    instance: `fn-${pod.metadata.name}`,
    state: leaving ? "draining" : ready ? "ready" : "starting",
    // The proxies count their own requests; Kubernetes knows none.
    inFlight: 0,
    startedAt,
  };
}

/** What stands in the way of Knative's own host names; the platform's proxy reaches pods without them. */
function routeWarnings({ service, route }: Observed, now: Date): string[] {
  const ingress = condition(route, "IngressReady");
  const routes = ingress ?? condition(service, "RoutesReady");
  if (routes === undefined || routes.status === "True") return [];
  // After every deploy a Route is not ready for a moment.
  if (now.getTime() - Date.parse(routes.lastTransitionTime ?? "") < ROUTE_GRACE_MS) return [];
  const owner = ingress === undefined ? service : route;
  if (owner !== undefined && !isCurrent(owner)) return [];
  const { reason = "", message = "" } = routes;
  if (reason === "IngressNotConfigured" || reason === "Uninitialized") {
    return [
      "ingress_not_ready: no ingress has taken up the function's Route yet; its Knative URL does not answer (hanzo-fn cluster check)",
    ];
  }
  return routes.status === "False"
    ? [`ingress_not_ready: the function's Route is not ready: ${reason}: ${message}`]
    : [];
}

function failureOf({ code, message, next }: Verdict, observed: Observed, now: Date): RevisionFailure {
  const at = condition(observed.revision, "Ready")?.lastTransitionTime ?? now.toISOString();
  return { code, message: `${message}; ${next}`, logTail: observed.logTail, at };
}

function overdue({ revision, progressDeadlineMs }: Observed, now: Date): boolean {
  const created = Date.parse(revision?.metadata.creationTimestamp ?? "");
  return now.getTime() - created > progressDeadlineMs + DEADLINE_GRACE_MS;
}

/**
 * The state of one revision in words. A status that is older than the object says nothing yet; no traffic and no instance
 * is an ordinary state of a ready revision. Pods are believed before conditions, which are summaries of them.
 */
export function explain(observed: Observed, subject: Subject, now: Date): Explained {
  const { revision } = observed;
  const rest = { instances: observed.pods.map(instanceOf), warnings: routeWarnings(observed, now) };
  if (revision === undefined) return { state: subject.proven ? "ready" : "pending", ...rest };
  const ready = isCurrent(revision) ? condition(revision, "Ready") : undefined;
  const found = cause(observed, subject);
  if (ready?.status === "True" || subject.proven) {
    const unwell =
      found === undefined || (ready?.status === "True" && isAtRest(observed)) ? undefined : found;
    return {
      state: "ready",
      ...(unwell === undefined ? {} : { failure: failureOf(unwell, observed, now) }),
      ...rest,
    };
  }
  if (found === undefined) return { state: "starting", ...rest };
  // Unschedulable and quota come right by themselves until the deadline, whatever Knative says before.
  const isOver = found.final || overdue(observed, now) || (ready?.status === "False" && !mayPass(found));
  if (isOver) return { state: "failed", failure: failureOf(found, observed, now), ...rest };
  return { state: "starting", waiting: found, ...rest };
}

function mayPass({ code }: Verdict): boolean {
  return code === "unschedulable" || code === "quota_exceeded";
}

/** Scaled to nothing: what events and conditions say is of a time that is over. */
function isAtRest({ pods }: Observed): boolean {
  return pods.every(({ metadata }) => metadata.deletionTimestamp !== undefined);
}
