/** One file of a model, where it comes from. */
export interface SourceFile {
  /** Relative to the model's folder, with slashes. */
  readonly name: string;
  readonly size: number;
  /** Changes with the content. */
  readonly stamp: string;
  open(signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
}

export interface FoundModel {
  /** Where its files lie, in words: in the source's place, or below. */
  readonly place: string;
  readonly files: readonly SourceFile[];
}

/** One place where models may be. */
export interface ModelSource {
  /** In words, for those who look for a model that is missing; a place holds one model at a time. */
  readonly place: string;
  /** Undefined where it is not there. */
  find(signal: AbortSignal): Promise<FoundModel | undefined>;
}

/** Where a model is looked for, in order. */
export type ModelSources = (name: string, org: string) => readonly ModelSource[];

export const MAX_FILES = 4096;
