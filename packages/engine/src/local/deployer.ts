import { abortable } from "@hanzo-fn/lifecycle";
import type { Deployer, DesiredFunction, RevisionStatus } from "../engine.ts";
import { RevisionRunner, type RunnerContext } from "./runner.ts";

export interface LocalDeployer extends Deployer {
  readonly runners: ReadonlyMap<string, RevisionRunner>;
  /** Ends everything; later calls are refused with `draining`. */
  shutdown(graceMs: number): Promise<void>;
}

export function createDeployer(context: Omit<RunnerContext, "onState">): LocalDeployer {
  const runners = new Map<string, RevisionRunner>();
  /** `<org>/<function>` -> keys of its revisions. */
  const functions = new Map<string, Set<string>>();
  const leaving = new Map<string, Set<Promise<void>>>();
  const observers = new Set<(status: RevisionStatus) => void>();
  const onState = (status: RevisionStatus): void => {
    for (const observer of observers) observer(status);
  };

  const takeDown = (functionKey: string, key: string): void => {
    const runner = runners.get(key);
    if (!runner) return;
    runners.delete(key);
    functions.get(functionKey)?.delete(key);
    const going = leaving.get(functionKey) ?? new Set();
    leaving.set(functionKey, going);
    const done = runner.remove().finally(() => {
      going.delete(done);
      if (going.size === 0) leaving.delete(functionKey);
    });
    going.add(done);
  };
  const applyRevisions = (functionKey: string, desired: DesiredFunction): void => {
    const keys = functions.get(functionKey) ?? new Set();
    functions.set(functionKey, keys);
    const wanted = new Set(desired.revisions.map((revision) => revision.ref.key));
    for (const revision of desired.revisions) {
      const { key } = revision.ref;
      const known = runners.get(key);
      if (known) {
        known.apply(revision, desired.scaling);
        continue;
      }
      const runner = new RevisionRunner(revision, desired.scaling, { ...context, onState });
      runners.set(key, runner);
      keys.add(key);
      runner.begin();
    }
    for (const key of keys) if (!wanted.has(key)) takeDown(functionKey, key);
  };

  return {
    runners,
    async apply(desired, signal) {
      signal.throwIfAborted();
      applyRevisions(`${desired.org}/${desired.function}`, desired);
    },
    async remove(ref, signal) {
      const functionKey = `${ref.org}/${ref.function}`;
      for (const key of functions.get(functionKey) ?? []) takeDown(functionKey, key);
      functions.delete(functionKey);
      await abortable(Promise.all(leaving.get(functionKey) ?? []), signal);
    },
    observe(onChange, signal) {
      if (signal.aborted) return;
      const observer = (status: RevisionStatus): void => onChange(status);
      observers.add(observer);
      signal.addEventListener("abort", () => observers.delete(observer), { once: true });
    },
    status: (ref) => runners.get(ref.key)?.status(),
    ready: (ref) => runners.get(ref.key)?.ready,
    async shutdown(graceMs) {
      const going = [...leaving.values()].flatMap((promises) => [...promises]);
      await Promise.all([...going, ...[...runners.values()].map((runner) => runner.remove(graceMs))]);
    },
  };
}
