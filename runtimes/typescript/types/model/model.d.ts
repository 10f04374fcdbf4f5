import { type ModelDirectory } from "./directory.js";
import { type Prediction } from "./text.js";
/** One model directory. Its weights are read at the first use. */
export declare class Model {
  #private;
  constructor(directory: ModelDirectory);
  /** The directory with the model's files. */
  get path(): string;
  get name(): string;
  /** What config.json says; empty where there is none. */
  get config(): Readonly<Record<string, unknown>>;
  /** One vector per text, also for a single text. */
  encode(
    text: string | readonly string[],
    options?: {
      batchSize?: number;
    },
  ): Promise<Float32Array[]>;
  /** The likeliest label; a list of texts gives a list. */
  predict(
    text: string,
    options?: {
      batchSize?: number;
    },
  ): Promise<Prediction>;
  predict(
    text: readonly string[],
    options?: {
      batchSize?: number;
    },
  ): Promise<Prediction[]>;
  /** What is said in a WAV file, or in samples at 16 kHz. `language` is a code such as `en`. */
  transcribe(
    audio: Uint8Array | Float32Array,
    options?: {
      language?: string;
    },
  ): Promise<string>;
}
/**
 * The model in a directory; throws `ModelError` (`unsafe_model`) where its only weights are pickled.
 * @param source the function's directory, whose dependencies hold the libraries
 */
export declare function loadModel(path: string, name: string, source: string): Promise<Model>;
