import type { Model } from "../model/model.js";
import type { Prediction } from "../model/text.js";
import { type Gateway } from "./gateway.js";
export type { Prediction };
/** A model by its name: found and read at the first use. */
export interface ModelHandle {
  readonly name: string;
  /** The directory with the model's files. */
  readonly path: Promise<string>;
  /** One vector per text, also for a single text. */
  encode(
    text: string | readonly string[],
    options?: {
      readonly batchSize?: number;
    },
  ): Promise<Float32Array[]>;
  /** The likeliest label; a list of texts gives a list. */
  predict(
    text: string,
    options?: {
      readonly batchSize?: number;
    },
  ): Promise<Prediction>;
  predict(
    text: readonly string[],
    options?: {
      readonly batchSize?: number;
    },
  ): Promise<Prediction[]>;
  /** What is said in a WAV file, or in samples at 16 kHz. `language` is a code such as `en`. */
  transcribe(
    audio: Uint8Array | Float32Array,
    options?: {
      readonly language?: string;
    },
  ): Promise<string>;
}
export interface ModelsOptions {
  /** A directory with one directory per model; undefined: only the gateway is asked. */
  readonly directory: string | undefined;
  /** Loads what lies in a directory. */
  readonly load: (path: string, name: string) => Promise<Model>;
}
/** The models of one process: each is found once and loaded once, whichever call asks first. */
export declare function createModels(options: ModelsOptions): (gateway: Gateway, name: string) => ModelHandle;
