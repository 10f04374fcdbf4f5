import type { Row, SuiteOptions, SuiteResult, Target } from "../suite.ts";

/** What one kind of events brings to the suite `events`. */
export interface EventsPart {
  readonly name: string;
  readonly conditions: SuiteResult["conditions"];
  run(signal: AbortSignal, options: SuiteOptions): Promise<readonly Row[]>;
  /** Of the rows that `run` gave. */
  targets(rows: readonly Row[]): readonly Target[];
}
