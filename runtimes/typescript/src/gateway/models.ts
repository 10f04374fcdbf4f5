import { join } from "node:path";
import { fs } from "../builtins.ts";
import type { Model } from "../model/model.ts";
import type { Prediction } from "../model/text.ts";
import { postJson, type Gateway } from "./gateway.ts";

export type { Prediction };

/** A model by its name: found and read at the first use. */
export interface ModelHandle {
  readonly name: string;
  /** The directory with the model's files. */
  readonly path: Promise<string>;
  /** One vector per text, also for a single text. */
  encode(
    text: string | readonly string[],
    options?: { readonly batchSize?: number },
  ): Promise<Float32Array[]>;
  /** The likeliest label; a list of texts gives a list. */
  predict(text: string, options?: { readonly batchSize?: number }): Promise<Prediction>;
  predict(text: readonly string[], options?: { readonly batchSize?: number }): Promise<Prediction[]>;
  /** What is said in a WAV file, or in samples at 16 kHz. `language` is a code such as `en`. */
  transcribe(audio: Uint8Array | Float32Array, options?: { readonly language?: string }): Promise<string>;
}

export interface ModelsOptions {
  /** A directory with one directory per model; undefined: only the gateway is asked. */
  readonly directory: string | undefined;
  /** Loads what lies in a directory. */
  readonly load: (path: string, name: string) => Promise<Model>;
}

/** The models of one process: each is found once and loaded once, whichever call asks first. */
export function createModels(options: ModelsOptions): (gateway: Gateway, name: string) => ModelHandle {
  const paths = new Map<string, Promise<string>>();
  const loaded = new Map<string, Promise<Model>>();
  return (gateway, name) => {
    const path = (): Promise<string> => once(paths, name, () => findModel(options.directory, gateway, name));
    const model = (): Promise<Model> => once(loaded, name, async () => options.load(await path(), name));
    return new LazyModel(name, path, model);
  };
}

/** What failed may be tried again by the next caller. */
function once<T>(known: Map<string, Promise<T>>, name: string, make: () => Promise<T>): Promise<T> {
  let made = known.get(name);
  if (made === undefined) {
    made = make();
    known.set(name, made);
    made.catch(() => known.delete(name));
  }
  return made;
}

async function findModel(directory: string | undefined, gateway: Gateway, name: string): Promise<string> {
  if (directory !== undefined && /^[\w-][\w.-]*(?:\/[\w-][\w.-]*)*$/.test(name)) {
    const path = join(directory, name);
    const found = await fs.promises.stat(path).catch(() => undefined);
    if (found?.isDirectory() === true) return path;
  }
  return ((await postJson(gateway, "/v1/models", { name })) as { path: string }).path;
}

class LazyModel implements ModelHandle {
  readonly name: string;
  readonly #path: () => Promise<string>;
  readonly #model: () => Promise<Model>;

  constructor(name: string, path: () => Promise<string>, model: () => Promise<Model>) {
    this.name = name;
    this.#path = path;
    this.#model = model;
  }

  get path(): Promise<string> {
    return this.#path();
  }

  async encode(text: string | readonly string[], options?: { batchSize?: number }): Promise<Float32Array[]> {
    return (await this.#model()).encode(text, options);
  }

  predict(text: string, options?: { batchSize?: number }): Promise<Prediction>;
  predict(text: readonly string[], options?: { batchSize?: number }): Promise<Prediction[]>;
  async predict(
    text: string | readonly string[],
    options?: { batchSize?: number },
  ): Promise<Prediction | Prediction[]> {
    const model = await this.#model();
    return typeof text === "string" ? model.predict(text, options) : model.predict(text, options);
  }

  async transcribe(audio: Uint8Array | Float32Array, options?: { language?: string }): Promise<string> {
    return (await this.#model()).transcribe(audio, options);
  }
}
