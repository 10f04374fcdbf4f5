import { expect } from "vitest";
import { Dice, leaseOf, type QueueBench } from "./conformance-bench.ts";
import type { QueueKey, QueueTypes } from "./definition.ts";
import type { Queue } from "./queue.ts";
import type { Settlement } from "./settle.ts";

/** How one claim of a row ended. */
interface Ending {
  readonly to: string;
  readonly counts: boolean;
}

interface History {
  /** Epochs, as claims were told them. */
  readonly claims: number[];
  /** By epoch. Who ended a claim may learn of it before the claim's own answer is read. */
  readonly endings: Map<number, Ending[]>;
  withdrawn: number;
}

const MOST_TURNS = 5000;

/** Owners that work on one table at the same time, and a ledger of what each was told. */
export class ConcurrentRun<Q extends QueueTypes> {
  readonly #bench: QueueBench<Q>;
  readonly #histories: History[];
  #ended = 0;

  constructor(bench: QueueBench<Q>, rows: number) {
    this.#bench = bench;
    this.#histories = Array.from({ length: rows }, () => ({
      claims: [],
      endings: new Map(),
      withdrawn: 0,
    }));
  }

  /** Until every row has ended. */
  async owners(count: number, seed: number): Promise<void> {
    await Promise.all(Array.from({ length: count }, (_, i) => this.#own(i, new Dice(seed * 1000 + i))));
  }

  /** Every claim ended once, the row ended once, and its columns say the same as the ledger. */
  async check(): Promise<void> {
    const stored = await this.#bench.rows();
    expect(stored.size).toBe(this.#histories.length);
    for (const [n, { claims, endings: byEpoch, withdrawn }] of this.#histories.entries()) {
      const row = stored.get(n) as Q["row"];
      const epochs = claims.sort((a, b) => a - b);
      expect(epochs, `epochs of row ${n}`).toEqual(epochs.map((_, i) => i + 1));
      const endings = epochs.map((epoch) => byEpoch.get(epoch) ?? []);
      const finals = endings.flat().filter(({ to }) => to !== "queued");
      expect(finals.length + withdrawn, `ends of row ${n}`).toBe(1);
      const open = endings.filter((ending) => ending.length !== 1);
      // The claim that a withdrawal cut short has no ending of its own.
      expect(open.length === 0 || (withdrawn === 1 && open.length === 1 && open[0] === endings.at(-1))).toBe(
        true,
      );
      expect(row).toMatchObject({
        state: finals[0]?.to ?? this.#bench.under.finals.at(-1),
        leaseEpoch: epochs.length,
        attempt: epochs.length - endings.flat().filter(({ counts }) => !counts).length,
        leaseOwner: null,
      });
    }
  }

  async #own(index: number, dice: Dice): Promise<void> {
    const { stores, under } = this.#bench;
    const queue = under.queue(stores[index % stores.length] as (typeof stores)[number]);
    const owner = `owner-${index}`;
    let held: Q["row"][] = [];
    for (let turn = 0; this.#ended < this.#histories.length; turn++) {
      if (turn === MOST_TURNS) throw new Error(`${this.#ended} of ${this.#histories.length} rows ended`);
      const rows = await queue.claim({ owner, leaseMs: 20, limit: 1 + dice.below(6) });
      for (const row of rows) this.#history(row).claims.push(row.leaseEpoch);
      held.push(...rows);
      const deeds = [
        () => this.#settle(queue, held, dice),
        // As a process does: it renews all that it holds while some of it is being settled.
        () =>
          Promise.all([
            this.#settle(queue, held, dice),
            queue.renew(
              held.map((row) => leaseOf<Q>(row)),
              20,
            ),
          ]),
        () => this.#release(queue, dice.some(held, 2)),
        () => this.#expire(queue, dice),
        () => this.#bench.advance(dice.below(30)),
        async () => {
          held = held.filter(() => dice.below(2) === 0);
        },
      ];
      await dice.one(deeds)();
      if (dice.below(30) === 0) await this.#withdraw(queue, dice);
    }
  }

  async #settle(queue: Queue<Q>, held: readonly Q["row"][], dice: Dice) {
    const rows = [...new Set(dice.some(held, 6))];
    const settlements = rows.map((row): Settlement<Q> => {
      const to = dice.below(3) === 0 ? dice.one(this.#bench.under.finals) : "queued";
      return { lease: leaseOf<Q>(row), to, counts: dice.below(3) > 0, delayMs: dice.one([undefined, 0, 10]) };
    });
    const settled = await queue.settle(settlements);
    for (const [i, { to, counts }] of settlements.entries())
      if (settled[i]) this.#end(rows[i] as Q["row"], { to, counts });
  }

  async #release(queue: Queue<Q>, held: readonly Q["row"][]) {
    const rows = [...new Set(held)];
    const released = await queue.release(rows.map((row) => leaseOf<Q>(row)));
    for (const [i, row] of rows.entries()) if (released[i]) this.#end(row, { to: "queued", counts: false });
  }

  async #expire(queue: Queue<Q>, dice: Dice): Promise<void> {
    const verdict = { to: dice.one(["queued", this.#bench.under.finals[1] as string]), delayMs: 5 };
    for (const row of await queue.expire(3, () => verdict)) this.#end(row, { to: verdict.to, counts: true });
  }

  async #withdraw(queue: Queue<Q>, dice: Dice): Promise<void> {
    const n = dice.below(this.#histories.length);
    const to = this.#bench.under.finals.at(-1) as string;
    const [done] = await queue.withdraw([this.#bench.under.key(n)], { to, running: true });
    if (!done) return;
    (this.#histories[n] as History).withdrawn++;
    this.#ended++;
  }

  #end(row: Q["row"], ending: Ending): void {
    const { endings } = this.#history(row);
    endings.set(row.leaseEpoch, [...(endings.get(row.leaseEpoch) ?? []), ending]);
    if (ending.to !== "queued") this.#ended++;
  }

  #history(row: Q["row"]): History {
    return this.#histories[this.#bench.under.number(row as unknown as QueueKey<Q>)] as History;
  }
}
