import type { Clock, Service } from "@hanzo-fn/lifecycle";
import { abortable, retryUntilDone } from "@hanzo-fn/lifecycle";
import type { FailedDelivery, StreamOffsetQueries } from "@hanzo-fn/store";
import type { Logger } from "@hanzo-fn/telemetry";
import type { Credit, Revocation, Settlement, Source, SourceEvent } from "../delivery/index.ts";
import type { StreamBroker } from "./broker.ts";
import { COMMIT_POLICY, type CommitPolicy } from "./commit-policy.ts";
import { createCommitter } from "./committer.ts";
import { keepMember } from "./keep-member.ts";
import { type AttemptStore, createLedger } from "./ledger.ts";
import type { Assigned } from "./member.ts";
import { belongsTo, bodyOf, sizeOf, type StreamRecord } from "./record.ts";
import { createTenure, type Tenure, type TenureLimits } from "./tenure.ts";

export interface StreamObserver {
  /** Records that were gone (retention) before they were fetched. */
  lost(partition: number, records: number): void;
  /** A partition was taken away: events that were out, and records done but not committed. They may run again. */
  revoked(partition: number, out: number, uncommitted: number): void;
}

export interface StreamSourceDependencies {
  readonly broker: Pick<StreamBroker, "connect" | "prefix" | "timing">;
  readonly attempts: AttemptStore;
  readonly offsets: Pick<StreamOffsetQueries, "of" | "save">;
  readonly clock: Clock;
  readonly log: Pick<Logger, "info" | "warn">;
  readonly observer: StreamObserver;
}

export interface StreamSourceSettings {
  readonly triggerId: string;
  readonly group: string;
  readonly topic: string;
  readonly batchSize: number;
  /** Records whose envelope names another organisation are passed over; undefined for one that sees all of them. */
  readonly org: string | undefined;
  readonly commit?: CommitPolicy | undefined;
  /** How long a rebalance waits for what runs, so that it need not run again. Default 1 s. */
  readonly drainMs?: number | undefined;
}

/** The events of one trigger's topic. Runs from `start` to `stop`, which comes after the delivery's own. */
export interface StreamSource extends Source, Service {
  /** Partitions that this replica has. */
  readonly partitions: number;
}

const DRAIN_MS = 1000;
/** Of one partition; a partition that is full is not asked for, and a fetch without it may wait at the broker. */
const MIN_HIGH_WATER = 256;
const HIGH_WATER_BYTES = 4 * 1024 * 1024;
/** Beyond this nothing more of a partition goes out while its oldest event is not done. */
const MAX_SPREAD = 10_000;
const MAX_STUCK_MS = 5 * 60_000;
const LOAD_AGAIN = { initialMs: 200, factor: 2, maxMs: 10_000 };
/** Members keep what they have by themselves; there is nothing to extend. */
const EXTEND_EVERY_MS = 3_600_000;

export function createStreamSource(
  deps: StreamSourceDependencies,
  settings: StreamSourceSettings,
): StreamSource {
  const { broker, clock, log, observer } = deps;
  const { triggerId, group, topic, org } = settings;
  const stopping = new AbortController();
  const ledger = createLedger(deps.attempts, triggerId, clock);
  const tenures = new Map<number, Tenure>();
  const waiting = new Set<() => void>();
  /** Where the trigger was, or was told to begin: for partitions of which the group knows nothing. */
  const saved = new Map<number, number>();
  let listener: (revocation: Revocation) => void = () => {};
  /** A rebalance is under way: what is not said to stay is not handed out. */
  let staying: ReadonlySet<number> | undefined;
  /** And all is committed that can be: whatever came now might reach the next generation. */
  let joining = false;

  const limits: TenureLimits = {
    highWater: Math.max(MIN_HIGH_WATER, 2 * settings.batchSize),
    highWaterBytes: HIGH_WATER_BYTES,
    maxSpread: MAX_SPREAD,
    maxStuckMs: MAX_STUCK_MS,
  };
  const wakeAll = (): void => {
    for (const wake of waiting) wake();
    waiting.clear();
  };
  const idsOf = (partition: number): string => `${broker.prefix}:${topic}:${partition}:`;
  const drop = (tenure: Tenure): void => {
    tenure.over = true;
    tenures.delete(tenure.partition);
    ledger.unload(idsOf(tenure.partition));
    const events = tenure.events();
    observer.revoked(tenure.partition, events.length, tenure.uncommitted);
    if (events.length > 0) listener({ events, cut: false });
    wakeAll();
  };
  const begin = (partition: number, position: number): void => {
    const tenure = createTenure(partition, position, limits);
    tenures.set(partition, tenure);
    const onFailure = (error: unknown): void =>
      log.warn("earlier failures of events could not be read", { error, trigger: triggerId, partition });
    const signal = stopping.signal;
    const load = (): Promise<void> => (tenure.over ? Promise.resolve() : ledger.load(idsOf(partition)));
    void retryUntilDone(load, { clock, backoff: LOAD_AGAIN, signal, onFailure }).then(() => {
      tenure.ready = true;
      wakeAll();
    });
  };
  const startOf = (partition: number, { position, isNew, end }: Assigned): number => {
    const was = isNew ? saved.get(partition) : undefined;
    return was === undefined || was > (end ?? was) ? position : Math.max(was, position);
  };
  const assigned = (partitions: ReadonlyMap<number, Assigned>): void => {
    staying = undefined;
    joining = false;
    for (const tenure of [...tenures.values()])
      if (partitions.get(tenure.partition)?.kept !== true) drop(tenure);
    for (const [partition, one] of partitions)
      if (!tenures.has(partition)) begin(partition, startOf(partition, one));
    committer.look();
    log.info("partitions were assigned", { trigger: triggerId, topic, partitions: [...partitions.keys()] });
    keeper.member?.wake();
    wakeAll();
  };
  const outsideOf = (set: ReadonlySet<number>): Tenure[] =>
    [...tenures.values()].filter(({ partition }) => !set.has(partition));
  const revoking = async (set: ReadonlySet<number>): Promise<void> => {
    staying = set;
    await committer.flush();
    const untilMs = clock.monotonic() + (settings.drainMs ?? DRAIN_MS);
    const busy = (): boolean => staying === set && outsideOf(set).some(({ out }) => out > 0);
    while (busy() && clock.monotonic() < untilMs) {
      const timer = new AbortController();
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting.add(resolve);
      await Promise.race([promise, clock.sleep(untilMs - clock.monotonic(), timer.signal).catch(() => {})]);
      timer.abort();
    }
    await committer.flush();
    if (staying === set) joining = true;
  };
  const keeper = keepMember(
    { connect: broker.connect, clock, log },
    { group, topic },
    {
      revoking,
      assigned,
      fetched(partition, fetched) {
        const lost = tenures.get(partition)?.add(fetched) ?? 0;
        if (lost > 0) {
          observer.lost(partition, lost);
          log.warn("records were gone before they were read", { trigger: triggerId, topic, partition, lost });
        }
        if (fetched.records.length > 0) wakeAll();
        // Holes are done as soon as they are seen.
        else committer.look();
      },
      reset(partition, position) {
        const old = tenures.get(partition);
        if (old === undefined) return;
        drop(old);
        begin(partition, position);
        log.warn("a partition begins anew", { trigger: triggerId, topic, partition, position });
      },
      wanted: (partition) => tenures.get(partition)?.wanted(),
      joined: () => committer.look(),
      isFetching: () => [...tenures.values()].some((tenure) => tenure.wanted() !== undefined),
      gone() {
        staying = undefined;
        joining = false;
        for (const tenure of [...tenures.values()]) drop(tenure);
      },
    },
    broker.timing,
  );
  const committer = createCommitter(
    { tenures, member: () => (joining ? undefined : keeper.member), save: deps.offsets.save, clock, log },
    { triggerId, topic, policy: settings.commit ?? COMMIT_POLICY },
    stopping.signal,
  );

  const eventOf = (tenure: Tenure, record: StreamRecord, body: Buffer): SourceEvent => {
    const id = idsOf(tenure.partition) + record.offset;
    const failed = ledger.of(id);
    return {
      id,
      body,
      json: true,
      headers: record.headers,
      attempt: 1 + (failed?.attempts ?? 0),
      ageMs: failed?.failingForMs ?? 0,
      partition: `${tenure.partition}`,
      key: record.key?.toString("latin1"),
      source: topic,
      timestamp: new Date(record.timestampMs).toISOString(),
    };
  };
  /** What may go out of one partition within what is left of a credit. */
  const takeFrom = (tenure: Tenure, left: { events: number; bytes: number }, room: number): SourceEvent[] => {
    const now = clock.monotonic();
    const taken: SourceEvent[] = [];
    while (left.events > 0 && left.bytes > 0 && taken.length < room) {
      const record = tenure.peek(now);
      if (record === undefined) break;
      const { body, org: of } = bodyOf(record);
      if (org !== undefined && !belongsTo(org, of)) {
        tenure.skip();
        continue;
      }
      const event = eventOf(tenure, record, body);
      tenure.handOut(event, now);
      taken.push(event);
      left.events -= 1;
      left.bytes -= sizeOf(record);
    }
    return taken;
  };
  const takeNow = (credit: Credit): SourceEvent[] => {
    const left = { events: credit.events, bytes: credit.bytes };
    const taken: SourceEvent[] = [];
    for (const tenure of [...tenures.values()]) {
      if (staying?.has(tenure.partition) === false) continue;
      const events = takeFrom(tenure, left, credit.room(`${tenure.partition}`));
      if (events.length === 0) continue;
      taken.push(...events);
      // To the end of the line, so that a full partition leaves its turn to the others.
      tenures.delete(tenure.partition);
      tenures.set(tenure.partition, tenure);
      if (left.events === 0 || left.bytes <= 0) break;
    }
    if (taken.length > 0) keeper.member?.wake();
    committer.look();
    return taken;
  };
  /** Undefined where it is somebody else's by now: what was out of a tenure before is not out of this one. */
  const ownerOf = ({ event }: Settlement): Tenure | undefined => {
    const tenure = tenures.get(Number(event.partition));
    return tenure?.has(event) === true ? tenure : undefined;
  };
  const apply = (settlement: Settlement): void => {
    if (settlement.kind === "retry") ownerOf(settlement)?.putBack(settlement.event);
    else if (settlement.kind !== "hold") ownerOf(settlement)?.done(settlement.event);
  };

  return {
    name: `stream ${topic} ${group}`,
    extendEveryMs: EXTEND_EVERY_MS,
    redelivers: false,
    async pull(credit, signal) {
      for (;;) {
        signal.throwIfAborted();
        const events = takeNow(credit);
        if (events.length > 0) return events;
        const { promise, resolve } = Promise.withResolvers<void>();
        waiting.add(resolve);
        await abortable(promise, signal);
      }
    },
    extend: () => Promise.resolve(),
    async settle(settlements) {
      const ours = settlements.filter((one) => ownerOf(one) !== undefined);
      const failed: FailedDelivery[] = [];
      const over: string[] = [];
      for (const one of ours) {
        if (one.kind === "ack" || one.kind === "park") over.push(one.event.id);
        else if (one.failure !== undefined) failed.push({ eventId: one.event.id, counts: one.counted });
      }
      await ledger.forget(over);
      await ledger.add(failed);
      ours.forEach(apply);
      committer.look();
      wakeAll();
    },
    onRevoked(one) {
      listener = one;
    },
    async start() {
      for (const one of await deps.offsets.of(triggerId))
        if (one.topic === topic) saved.set(one.partition, one.nextOffset);
      keeper.start();
    },
    async stop() {
      await committer.flush();
      await committer.snapshot();
      stopping.abort(new Error("the source is stopping"));
      await keeper.stop();
    },
    get blocked() {
      return keeper.stalled;
    },
    get partitions() {
      return tenures.size;
    },
  };
}
