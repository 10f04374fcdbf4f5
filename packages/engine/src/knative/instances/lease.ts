import type { PlatformError } from "@hanzo-fn/contract";
import type { AnswerHead, ColdStart, Lease, Target } from "../../engine.ts";
import { coldStartOf } from "./cold-start.ts";
import type { Trouble } from "./diagnosis.ts";

export interface LeaseOwner<S> {
  /** Monotonic milliseconds. */
  nowMs(): number;
  release(slot: S): void;
  diagnose(slot: S, heldMs: number, trouble: Trouble): Promise<PlatformError>;
}

/** The runtime server names the instance in every answer (runtimes/contract.md, section 3). */
const INSTANCE = "x-function-instance";
/** What Knative's programs answer in an instance's place; the same from a function has the instance's name beside it. */
const IN_ITS_PLACE: ReadonlySet<number> = new Set([404, 500, 502, 503, 504]);

function troubleOf(status: number | undefined, broken: Error | undefined): Trouble {
  if (status !== undefined) return { how: "answered", status };
  const { syscall, code, message } = (broken ?? {}) as NodeJS.ErrnoException;
  return syscall === "connect" ? { how: "refused", error: code ?? message ?? "" } : { how: "cut" };
}

/** A slot on a way to instances: a pod, or an activator. */
export class DistantLease<S extends { readonly target: Target }> implements Lease {
  readonly target: Target;
  readonly waitBudgetMs: number | undefined;
  #coldStart: ColdStart | undefined;
  #instance: string | undefined;
  #refusedWith: number | undefined;
  #released = false;
  readonly #slot: S;
  readonly #owner: LeaseOwner<S>;
  readonly #sinceMs: number;
  readonly #atZero: boolean;

  /** `waitBudgetMs`: set where the wait for an instance is part of the call. `atZero`: no instance is ready now. */
  constructor(slot: S, owner: LeaseOwner<S>, waitBudgetMs: number | undefined, atZero: boolean) {
    this.#atZero = atZero;
    this.#slot = slot;
    this.#owner = owner;
    this.#sinceMs = owner.nowMs();
    this.target = slot.target;
    this.waitBudgetMs = waitBudgetMs;
  }

  get coldStart(): ColdStart | undefined {
    return this.#coldStart;
  }
  get instance(): string | undefined {
    return this.#instance;
  }
  get waitedMs(): number {
    return this.waitBudgetMs === undefined ? 0 : (this.#coldStart?.totalMs ?? 0);
  }

  /** It ended a wait in our own queue, since a pod came up. */
  startedAfter(ms: number): void {
    this.#coldStart = { totalMs: ms, phasesMs: { queue: ms } };
  }

  answered({ status, field }: AnswerHead): boolean {
    this.#instance = field(INSTANCE);
    if (this.#instance === undefined && IN_ITS_PLACE.has(status)) {
      this.#refusedWith = status;
      return false;
    }
    if (this.waitBudgetMs !== undefined) {
      this.#coldStart = coldStartOf({
        elapsedMs: this.#owner.nowMs() - this.#sinceMs,
        atZero: this.#atZero,
        coldStart: field("x-function-cold-start"),
        durationMs: field("x-function-duration-ms"),
      });
    }
    return true;
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#owner.release(this.#slot);
  }

  /**
   * Nothing to do from here: the runtime server knows the deadline from its header and ends the handler, at which its turn
   * is free again; the end of the connection tells it so too. A process that is stuck is ended by its liveness probe.
   */
  expire(): void {}

  diagnose(broken?: Error): Promise<PlatformError> {
    const heldMs = this.#owner.nowMs() - this.#sinceMs;
    return this.#owner.diagnose(this.#slot, heldMs, troubleOf(this.#refusedWith, broken));
  }

  [Symbol.dispose](): void {
    this.release();
  }
}
