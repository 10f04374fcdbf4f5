import type { Clock } from "@hanzo-fn/lifecycle";
import {
  decide,
  isSettled,
  startAutoscaler,
  type AutoscalerConfig,
  type AutoscalerState,
} from "../autoscaler/index.ts";

/** Measures one revision's concurrency exactly, as an area over time, and asks the autoscaler about it. */
export class Demand {
  readonly #clock: Clock;
  #state: AutoscalerState;
  /** Requests in flight and waiting. */
  #concurrency = 0;
  #area = 0;
  #changedAtMs: number;
  #sampledAtMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    const now = clock.monotonic();
    this.#changedAtMs = now;
    this.#sampledAtMs = now;
    this.#state = startAutoscaler(now);
  }

  get concurrency(): number {
    return this.#concurrency;
  }

  change(delta: number): void {
    const now = this.#clock.monotonic();
    this.#area += this.#concurrency * (now - this.#changedAtMs);
    this.#changedAtMs = now;
    this.#concurrency += delta;
  }

  /** Forgets the past: after a rest, or when the first instance became ready. */
  restart(): void {
    const now = this.#clock.monotonic();
    this.#area = 0;
    this.#changedAtMs = now;
    this.#sampledAtMs = now;
    this.#state = startAutoscaler(now);
  }

  /** How many instances are wanted, by the mean since the last look; or for a poke by this very moment. */
  decide(config: AutoscalerConfig, ready: number, poke: boolean): number {
    const now = this.#clock.monotonic();
    const passed = now - this.#sampledAtMs;
    const mean = poke || passed <= 0 ? this.#concurrency : this.#takeArea(now) / passed;
    const { state, desired } = decide(config, this.#state, { concurrency: mean, ready, poke }, now);
    this.#state = state;
    return desired;
  }

  settled(config: AutoscalerConfig): boolean {
    return this.#concurrency === 0 && isSettled(config, this.#state, this.#clock.monotonic());
  }

  #takeArea(now: number): number {
    this.change(0);
    const area = this.#area;
    this.#area = 0;
    this.#sampledAtMs = now;
    return area;
  }
}
