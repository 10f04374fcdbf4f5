/** A number that the project wants to reach, and what this run got. */
export interface Target {
  readonly name: string;
  readonly want: string;
  readonly got: number;
  readonly met: boolean;
}

export type Row = Readonly<Record<string, string | number>>;

export interface SuiteResult {
  readonly suite: string;
  /** What the numbers depend on: machine, versions, load, settings. */
  readonly conditions: Readonly<Record<string, string | number>>;
  readonly rows: readonly Row[];
  readonly targets: readonly Target[];
}

export interface SuiteOptions {
  /** Proves within seconds that the suite runs; its figures say nothing. */
  readonly smoke?: boolean;
}

/**
 * One suite. It throws where a measurement is invalid (a peer that answers errors, a client that was the
 * bottleneck of a figure that must not have one); an unmet target is a result.
 */
export interface Suite {
  readonly name: string;
  readonly description: string;
  run(signal: AbortSignal, options?: SuiteOptions): Promise<SuiteResult>;
}

export function atLeast(name: string, want: number, got: number): Target {
  return { name, want: `>= ${want}`, got: round(got), met: got >= want };
}

export function atMost(name: string, want: number, got: number): Target {
  return { name, want: `<= ${want}`, got: round(got), met: got <= want };
}

/** Three significant digits. */
export function round(value: number): number {
  return value === 0 ? 0 : Number(value.toPrecision(3));
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** Of unsorted values; 0.99 is the 99th percentile, by the nearest rank. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}
