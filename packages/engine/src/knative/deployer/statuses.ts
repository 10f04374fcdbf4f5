import type { Clock } from "@hanzo-fn/lifecycle";
import type { DesiredFunction, DesiredRevision, RevisionStatus } from "../../engine.ts";
import { type FunctionState, troubleWith } from "./function-state.ts";
import type { LogTails } from "./log-tails.ts";
import { progressDeadlineMs } from "./look.ts";
import type { ClusterView } from "./observe.ts";
import { egressWarnings } from "../policies.ts";
import type { Publications } from "./publications.ts";
import type { KnativeSettings } from "../settings.ts";
import { type KnownRevision, nextDeadline, revisionStatus, statusSignature } from "./status.ts";

export interface StatusesDependencies {
  /** Undefined before the first start. */
  readonly view: () => ClusterView | undefined;
  readonly publications: Publications;
  readonly tails: LogTails;
  readonly settings: KnativeSettings;
  readonly clock: Clock;
}

/** What is known of revisions, and who wants to hear of it. */
export interface Statuses {
  of(state: FunctionState, desired: DesiredRevision): RevisionStatus;
  observe(onChange: (status: RevisionStatus) => void, signal: AbortSignal): void;
  /** Calls back with what changed; gives in how many milliseconds time alone may change something. */
  tell(state: FunctionState, wish: DesiredFunction): number | undefined;
}

const NOTHING = {
  service: undefined,
  revision: undefined,
  route: undefined,
  pods: [],
  deploymentConditions: [],
};

export function createStatuses({
  view,
  publications,
  tails,
  settings,
  clock,
}: StatusesDependencies): Statuses {
  const observers = new Set<(status: RevisionStatus) => void>();

  const known = (state: FunctionState, desired: DesiredRevision): KnownRevision => {
    const { ref } = desired;
    const observed = view()?.observed(state.place, ref.name) ?? NOTHING;
    return {
      desired,
      publication: publications.get(ref.key),
      trouble: troubleWith(state, desired),
      observed: {
        ...observed,
        // The conditions of Deployments and pods say the same, and are heard of without another watch.
        events: [],
        logTail: tails.of(ref.key),
        progressDeadlineMs: progressDeadlineMs(desired, settings),
      },
      sentAtMs: state.sent.get(ref.name)?.atMs,
      startMs: state.startMs.get(ref.name),
      image: state.images.get(ref.name),
      warnings: egressWarnings(state.wish?.egress ?? [], settings),
    };
  };
  const isNews = (state: FunctionState, status: RevisionStatus, { proven }: DesiredRevision): boolean => {
    const signature = statusSignature(status);
    const before = state.told.get(status.ref.name);
    state.told.set(status.ref.name, signature);
    // That a proven revision is ready is known already.
    const isOld =
      before === undefined && proven === true && status.state === "ready" && status.failure === undefined;
    return before !== signature && !isOld;
  };
  return {
    of: (state, desired) => revisionStatus(known(state, desired), new Date(clock.now())),
    observe(onChange, signal) {
      if (signal.aborted) return;
      const observer = (status: RevisionStatus): void => onChange(status);
      observers.add(observer);
      signal.addEventListener("abort", () => observers.delete(observer), { once: true });
    },
    tell(state, wish) {
      const nowMs = clock.now();
      const deadlines = wish.revisions.flatMap((desired): number[] => {
        const seen = known(state, desired);
        const status = revisionStatus(seen, new Date(nowMs));
        if (isNews(state, status, desired)) for (const observer of observers) observer(status);
        const at = status.state === "ready" || status.state === "failed" ? undefined : nextDeadline(seen);
        return at === undefined || at < nowMs ? [] : [at - nowMs + 1000];
      });
      return deadlines.length === 0 ? undefined : Math.min(...deadlines);
    },
  };
}
