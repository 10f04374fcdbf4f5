import { isDeepStrictEqual } from "node:util";
import type { LeaseRow } from "./definition.ts";

/** A row as the model has it; times in milliseconds. */
export interface ModelRow {
  readonly lane: number;
  state: string;
  runAt: number;
  attempt: number;
  owner: string | null;
  epoch: number;
  until: number | null;
  outcome: number;
  failedAt: number | null;
}

export interface ModelLease {
  readonly id: string;
  readonly owner: string;
  readonly epoch: number;
}

export interface ModelSettlement {
  readonly lease: ModelLease;
  readonly to: string;
  readonly delayMs?: number | undefined;
  readonly counts: boolean;
  /** Which of the outcomes; absent where it stays. */
  readonly outcome?: number | undefined;
}

/** What the queue is meant to do, for one caller after the other. `now` moves by hand. */
export class QueueModel {
  readonly rows = new Map<string, ModelRow>();
  now: number;

  constructor(now: number) {
    this.now = now;
  }

  add(id: string, lane: number): void {
    this.rows.set(id, {
      lane,
      state: "queued",
      runAt: this.now,
      attempt: 0,
      owner: null,
      epoch: 0,
      until: null,
      outcome: 0,
      failedAt: null,
    });
  }

  /**
   * Ties may be broken either way, so the model judges what was taken instead of foretelling it.
   * @returns what is wrong with it
   */
  claim(
    taken: readonly string[],
    options: {
      owner: string;
      leaseMs: number;
      limit: number;
      lanes?: ReadonlyMap<number, number> | undefined;
    },
  ): string | undefined {
    const { owner, leaseMs, limit, lanes } = options;
    if (new Set(taken).size !== taken.length) return "a row was taken twice";
    const shares = lanes ?? new Map([[undefined, limit]]);
    let possible = 0;
    for (const [lane, share] of shares) {
      const due = this.#due(lane);
      const mine = taken.filter((id) => due.includes(id));
      possible += Math.min(share, due.length);
      if (mine.length > share) return "more was taken than the lane's limit";
      const latest = Math.max(...mine.map((id) => this.#row(id).runAt));
      const passed = due.filter((id) => !mine.includes(id) && this.#row(id).runAt < latest);
      if (passed.length > 0) return "an earlier row was passed over";
    }
    if (taken.length !== Math.min(limit, possible)) return `${taken.length} of ${possible} rows were taken`;
    const due = new Set([...shares.keys()].flatMap((lane) => this.#due(lane)));
    if (!taken.every((id) => due.has(id))) return "a row was taken that is not due";
    for (const id of taken) {
      const row = this.#row(id);
      row.state = "running";
      row.attempt++;
      row.epoch++;
      row.owner = owner;
      row.until = this.now + leaseMs;
    }
    return undefined;
  }

  renew(leases: readonly ModelLease[], leaseMs: number): boolean[] {
    return leases.map((lease) => {
      const row = this.#held(lease);
      if (row) row.until = this.now + leaseMs;
      return row !== undefined;
    });
  }

  settle(settlements: readonly ModelSettlement[], vanished = false): boolean[] {
    return settlements.map(({ lease, to, delayMs, counts, outcome }) => {
      const row = this.#held(lease);
      if (!row) return false;
      row.state = to;
      if (to === "queued" && delayMs !== undefined) row.runAt = this.now + delayMs;
      if (to === "queued" && (vanished || delayMs !== undefined)) row.failedAt ??= this.now;
      if (!counts) row.attempt--;
      if (outcome !== undefined) row.outcome = outcome;
      row.owner = row.until = null;
      return true;
    });
  }

  expired(): ModelLease[] {
    return [...this.rows].flatMap(([id, { until, owner, epoch }]) =>
      until !== null && until <= this.now ? [{ id, owner: owner as string, epoch }] : [],
    );
  }

  withdraw(ids: readonly string[], to: string, running: boolean): boolean[] {
    return ids.map((id) => {
      const row = this.#row(id);
      if (row.state !== "queued" && !(running && row.state === "running")) return false;
      row.state = to;
      row.owner = row.until = null;
      return true;
    });
  }

  /** Lanes with rows that wait, and since when the first one has been due. */
  lanes(): Map<number, number> {
    const first = new Map<number, number>();
    for (const { state, lane, runAt } of this.rows.values())
      if (state === "queued") first.set(lane, Math.min(runAt, first.get(lane) ?? Infinity));
    return first;
  }

  /** Whether a stored row is the model's. */
  agrees(id: string, stored: LeaseRow): boolean {
    const { state, runAt, attempt, owner, epoch, until, failedAt } = this.#row(id);
    return isDeepStrictEqual(
      [state, runAt, attempt, owner, epoch, until, failedAt],
      [
        stored.state,
        stored.runAt.getTime(),
        stored.attempt,
        stored.leaseOwner,
        stored.leaseEpoch,
        stored.leaseUntil?.getTime() ?? null,
        stored.firstFailedAt?.getTime() ?? null,
      ],
    );
  }

  #due(lane: number | undefined): string[] {
    return [...this.rows]
      .filter(
        ([, row]) =>
          row.state === "queued" && row.runAt <= this.now && (lane === undefined || row.lane === lane),
      )
      .map(([id]) => id);
  }

  #held({ id, owner, epoch }: ModelLease): ModelRow | undefined {
    const row = this.#row(id);
    return row.state === "running" && row.owner === owner && row.epoch === epoch ? row : undefined;
  }

  #row(id: string): ModelRow {
    const row = this.rows.get(id);
    if (row === undefined) throw new Error(`no row ${id}`);
    return row;
  }
}
