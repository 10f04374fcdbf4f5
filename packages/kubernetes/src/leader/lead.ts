import { type Clock, withDeadline } from "@hanzo-fn/lifecycle";
import { statusOf } from "../http/errors.ts";
import type { ObjectCalls } from "../object-calls.ts";
import { heldSpec, type Lease, LEASES, leaseStep, releasedSpec, sight, type Sighting } from "./lease.ts";

export interface LeaderDependencies {
  readonly kubernetes: Pick<ObjectCalls, "get" | "create" | "replace">;
  readonly clock: Clock;
  readonly log: { info(msg: string, fields?: object): void; warn(msg: string, fields?: object): void };
}

export interface LeaderSettings {
  readonly namespace: string;
  /** Of the lease; one for each work that has one leader. */
  readonly name: string;
  /** Unlike that of every other process, also of an earlier run of this one. */
  readonly identity: string;
  /** How long the others leave an unrenewed lease alone: 15 s. */
  readonly leaseMs?: number | undefined;
  /** A leader that could not renew for this long steps down: 10 s, and shorter than the lease. */
  readonly renewMs?: number | undefined;
  /** Between tries: 2 s. */
  readonly retryMs?: number | undefined;
}

const RELEASE_MS = 2000;

/**
 * Runs `work` whenever this process is the leader, until the signal aborts. `work` runs until its signal aborts: when
 * the lease could not be renewed in time, by the monotonic clock and whether or not the server answers, or was taken.
 * Another process may begin `leaseMs - renewMs` after that. Resolves when `work` has ended and the lease is given up.
 */
export async function leadWhile(
  deps: LeaderDependencies,
  settings: LeaderSettings,
  work: (signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const { clock, log } = deps;
  const { renewMs = 10_000, retryMs = 2000 } = settings;
  const holder = createHolder(deps, settings);
  const pause = (): Promise<void> => clock.sleep(retryMs, signal).catch(() => {});
  const fields = { lease: `${settings.namespace}/${settings.name}`, identity: settings.identity };

  while (!signal.aborted) {
    const begun = clock.monotonic();
    if (!(await holder.tryHold(renewMs, signal))) {
      await pause();
      continue;
    }
    log.info("leading", fields);
    const term = new AbortController();
    const ended = new AbortController();
    const working = work(term.signal).then(
      () => ended.abort(),
      (error: unknown) => {
        if (!term.signal.aborted) log.warn("the work of a leader failed", { ...fields, error });
        ended.abort();
      },
    );
    const lost = await renewWhile(begun, AbortSignal.any([signal, ended.signal]));
    term.abort(new Error(lost ?? "stepping down"));
    await working;
    if (lost === undefined) await holder.release();
    log.info("no longer leading", { ...fields, ...(lost === undefined ? {} : { reason: lost }) });
    await pause();
  }

  /** Why the lease was lost; undefined where the signal aborted. */
  async function renewWhile(heldAt: number, until: AbortSignal): Promise<string | undefined> {
    for (let last = heldAt; ;) {
      const left = (): number => last + renewMs - clock.monotonic();
      await clock.sleep(Math.max(0, Math.min(retryMs, left())), until).catch(() => {});
      if (until.aborted) return undefined;
      if (left() <= 0) return `not renewed for ${renewMs / 1000} s`;
      const begun = clock.monotonic();
      const held = await holder.tryHold(left(), until);
      if (until.aborted) return undefined;
      if (held === true) last = begun;
      else if (held === false) return "another process has the lease";
    }
  }
}

interface Holder {
  /** True: held until `leaseMs` after the call. False: another's. Undefined: nobody knows, the server did not answer in time. */
  tryHold(withinMs: number, signal: AbortSignal): Promise<boolean | undefined>;
  release(): Promise<void>;
}

function createHolder({ kubernetes, clock, log }: LeaderDependencies, settings: LeaderSettings): Holder {
  const { namespace, name, identity, leaseMs = 15_000 } = settings;
  const ref = { namespace, name };
  const hold = { identity, leaseMs };
  let sighting: Sighting | undefined;
  let held: Lease | undefined;

  const read = (signal: AbortSignal): Promise<Lease | undefined> =>
    kubernetes.get(LEASES, ref, signal).catch((error: unknown) => {
      if (statusOf(error)?.code === 404) return undefined;
      throw error;
    });
  const attempt = async (signal: AbortSignal): Promise<boolean> => {
    const lease = await read(signal);
    sighting = sight(lease, sighting, clock.monotonic());
    const step = leaseStep(lease, sighting, identity, clock.monotonic());
    if (step === "wait") return false;
    const spec = heldSpec(lease?.spec, hold, clock.now());
    held = lease
      ? await kubernetes.replace(LEASES, { ...lease, spec }, {}, signal)
      : await kubernetes.create(LEASES, { ...LEASE, metadata: ref, spec }, {}, signal);
    return true;
  };
  return {
    async tryHold(withinMs, signal) {
      try {
        return await withDeadline(clock, withinMs, signal, attempt);
      } catch (error) {
        if (signal.aborted) return undefined;
        // Somebody else wrote first; the next look tells who has it.
        if (statusOf(error)?.code !== 409)
          log.warn("lease not renewed", { lease: `${namespace}/${name}`, error });
        return undefined;
      }
    },
    async release() {
      if (!held?.spec) return;
      const spec = releasedSpec(held.spec, clock.now());
      const lease = { ...held, spec };
      held = undefined;
      const never = new AbortController().signal;
      const write = (signal: AbortSignal): Promise<unknown> => kubernetes.replace(LEASES, lease, {}, signal);
      await withDeadline(clock, RELEASE_MS, never, write).catch((error: unknown) =>
        log.warn("lease not given up: the next leader waits for its end", {
          lease: `${namespace}/${name}`,
          error,
        }),
      );
    },
  };
}

const LEASE = { apiVersion: LEASES.apiVersion, kind: LEASES.kind };
