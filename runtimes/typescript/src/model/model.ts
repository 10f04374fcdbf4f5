import { type ModelDirectory, openDirectory } from "./directory.ts";
import { type Libraries, librariesOf } from "./library.ts";
import { openTextModel, type Prediction, type TextModel } from "./text.ts";
import { openWhisper, type Transcribe } from "./whisper.ts";

const BATCH = 32;

/** One model directory. Its weights are read at the first use. */
export class Model {
  readonly #directory: ModelDirectory;
  #texts: Promise<TextModel> | undefined;
  #speech: Promise<Transcribe> | undefined;

  constructor(directory: ModelDirectory) {
    this.#directory = directory;
  }

  /** The directory with the model's files. */
  get path(): string {
    return this.#directory.path;
  }

  get name(): string {
    return this.#directory.name;
  }

  /** What config.json says; empty where there is none. */
  get config(): Readonly<Record<string, unknown>> {
    return this.#directory.config;
  }

  /** One vector per text, also for a single text. */
  async encode(
    text: string | readonly string[],
    options: { batchSize?: number } = {},
  ): Promise<Float32Array[]> {
    this.#texts ??= openTextModel(this.#directory);
    return (await this.#texts).encode(listOf(text), options.batchSize ?? BATCH);
  }

  /** The likeliest label; a list of texts gives a list. */
  predict(text: string, options?: { batchSize?: number }): Promise<Prediction>;
  predict(text: readonly string[], options?: { batchSize?: number }): Promise<Prediction[]>;
  async predict(
    text: string | readonly string[],
    options: { batchSize?: number } = {},
  ): Promise<Prediction | Prediction[]> {
    this.#texts ??= openTextModel(this.#directory);
    const found = await (await this.#texts).predict(listOf(text), options.batchSize ?? BATCH);
    return typeof text === "string" ? (found[0] as Prediction) : found;
  }

  /** What is said in a WAV file, or in samples at 16 kHz. `language` is a code such as `en`. */
  async transcribe(audio: Uint8Array | Float32Array, options: { language?: string } = {}): Promise<string> {
    this.#speech ??= openWhisper(this.#directory);
    return (await this.#speech)(audio, options.language);
  }
}

function listOf(text: string | readonly string[]): readonly string[] {
  return typeof text === "string" ? [text] : text;
}

/**
 * The model in a directory; throws `ModelError` (`unsafe_model`) where its only weights are pickled.
 * @param source the function's directory, whose dependencies hold the libraries
 */
export async function loadModel(path: string, name: string, source: string): Promise<Model> {
  const libraries: Libraries = librariesOf(source);
  return new Model(await openDirectory(path, name, libraries));
}
