import type { ModelDirectory } from "./directory.js";
/** The likeliest label of a text, its probability, and those of all labels. */
export interface Prediction {
  readonly label: string;
  readonly score: number;
  readonly scores: Readonly<Record<string, number>>;
}
/** A graph from token ids to hidden states or to logits. */
export interface TextModel {
  encode(texts: readonly string[], batchSize: number): Promise<Float32Array[]>;
  predict(texts: readonly string[], batchSize: number): Promise<Prediction[]>;
}
export declare function openTextModel(directory: ModelDirectory): Promise<TextModel>;
