import type {
  Settlement as RowSettlement,
  TaskFinalState,
  TaskQueries,
  TaskRow,
  TaskTypes,
} from "@hanzo-fn/store";
import type { Park } from "../delivery/parking.ts";
import type { Revocation, Settlement, Source } from "../delivery/source.ts";
import { endState, outcomeOf, type TaskEvent, taskEvent } from "./attempt.ts";
import type { LaneClaims } from "./claims.ts";

export interface TaskSourceDependencies {
  readonly tasks: Pick<TaskQueries, "renew" | "states">;
  readonly claims: LaneClaims;
  /** In the order given: false where the lease was lost. Commits several lanes' at once. */
  readonly settle: (settlements: readonly RowSettlement<TaskTypes>[]) => Promise<readonly boolean[]>;
  readonly leaseMs: number;
  /** Tells whoever wants to know of a call that is given up; rejecting means that it is told again. */
  readonly failed: Park;
  /** A task of this lane ended here. */
  readonly onEnded: (row: TaskRow, state: TaskFinalState) => void;
}

/** The tasks of one function as a source of the delivery loop. */
export interface TaskSource extends Source {
  /** Notes why an event is given up; the task's own row is where it is kept. */
  readonly park: Park;
  /** The task was cancelled, by whomever: its call is cut. */
  cancelled(id: string): void;
}

function settlementOf(settlement: Settlement): RowSettlement<TaskTypes> {
  const event = settlement.event as TaskEvent;
  const lease = event.row;
  switch (settlement.kind) {
    case "ack":
      return { lease, to: "succeeded", counts: true, outcome: outcomeOf(event.end, undefined) };
    case "park": {
      const { counted, failure } = settlement;
      return {
        ...{ lease, counts: counted },
        to: endState(event, counted),
        outcome: outcomeOf(event.end, failure),
      };
    }
    case "retry":
    case "hold": {
      const { counted, failure, delayMs } = settlement;
      const isDelayed = delayMs > 0 || failure !== undefined;
      return {
        ...{ lease, to: "queued", counts: counted },
        ...(isDelayed ? { delayMs } : {}),
        ...(failure === undefined ? {} : { outcome: outcomeOf(event.end, failure) }),
      };
    }
  }
}

export function createTaskSource(deps: TaskSourceDependencies): TaskSource {
  const { tasks, claims, settle, leaseMs, onEnded } = deps;
  /** What is out, by the id of its task. */
  const held = new Map<string, TaskEvent>();
  let tell: (revocation: Revocation) => void = () => {};

  /** What nobody may start any more although it was taken in time to be started: it was late by a moment. */
  const overdue = async (events: readonly TaskEvent[]): Promise<void> => {
    const settled = await settle(
      events.map(({ row }) => ({ lease: row, to: "expired" as const, counts: false })),
    );
    for (const [i, { row }] of events.entries()) if (settled[i] === true) onEnded(row, "expired");
  };
  const revoke = async (events: readonly TaskEvent[]): Promise<void> => {
    const states = await tasks.states(events.map(({ row }) => row.id));
    const [cut, lost]: [TaskEvent[], TaskEvent[]] = [[], []];
    for (const event of events) {
      if (held.get(event.row.id) === event) held.delete(event.row.id);
      (states.get(event.row.id) === "cancelled" ? cut : lost).push(event);
    }
    if (cut.length > 0) tell({ events: cut, cut: true });
    if (lost.length > 0) tell({ events: lost, cut: false });
  };
  return {
    extendEveryMs: leaseMs / 3,
    redelivers: true,
    async pull(credit, signal) {
      for (;;) {
        const rows = await claims.pull(credit.events, signal);
        const [inTime, late]: [TaskEvent[], TaskEvent[]] = [[], []];
        for (const row of rows) {
          const isLate = row.startedAt !== null && row.startedAt >= row.expiresAt;
          (isLate ? late : inTime).push(taskEvent(row));
        }
        if (late.length > 0) await overdue(late).catch(() => {});
        for (const event of inTime) held.set(event.row.id, event);
        if (inTime.length > 0) return inTime;
      }
    },
    async extend(events) {
      const own = events as readonly TaskEvent[];
      const renewed = await tasks.renew(
        own.map(({ row }) => row),
        leaseMs,
      );
      const lost = own.filter((_, i) => renewed[i] === false);
      if (lost.length > 0) await revoke(lost);
    },
    async settle(settlements) {
      const rows = settlements.map(settlementOf);
      const settled = await settle(rows);
      for (const [i, settlement] of settlements.entries()) {
        const event = settlement.event as TaskEvent;
        if (held.get(event.row.id) === event) held.delete(event.row.id);
        const to = rows[i]?.to ?? "queued";
        // Fenced, or settled already by a statement whose answer got lost: a result that no row has is garbage.
        if (settled[i] === true && to !== "queued") onEnded(event.row, to);
      }
    },
    onRevoked: (listener) => {
      tell = listener;
    },
    async park(letter, signal) {
      (letter.event as TaskEvent).reason = letter.reason;
      await deps.failed(letter, signal);
    },
    cancelled(id) {
      const event = held.get(id);
      if (event === undefined) return;
      held.delete(id);
      tell({ events: [event], cut: true });
    },
  };
}
