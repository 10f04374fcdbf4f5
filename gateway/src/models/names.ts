import { badRequest } from "../refuse.ts";

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
/** Folders of the models' bucket that hold models of others, and are none themselves. */
const RESERVED: ReadonlySet<string> = new Set(["zen", "fine-tuned"]);

/** A model's name is one segment of a path. Throws `bad_request`. */
export function checkModelName(name: string): string {
  if (NAME.test(name) && !RESERVED.has(name)) return name;
  throw badRequest(`${JSON.stringify(name.slice(0, 100))} is no name of a model`);
}

/** Loading a pickle runs what it says: such files never reach a function. */
const PICKLE = /\.(bin|pt|pth|pkl|pickle|ckpt|joblib|dill)$/i;
const WEIGHTS = /\.(safetensors|onnx|gguf|npz|tflite|pb)$/i;

export interface Chosen<F> {
  readonly files: readonly F[];
  /** Set where the weights are there in pickled form alone. */
  readonly onlyPickled: boolean;
}

/** A name that stays in its folder and is written in one way; hidden files are none of the model's. */
const isPlain = (name: string): boolean =>
  !name.includes("\0") && name.split("/").every((segment) => segment !== "" && !segment.startsWith("."));

/** Files of a model that are taken: all but pickles and hidden ones. */
export function chooseFiles<F extends { readonly name: string }>(found: readonly F[]): Chosen<F> {
  const visible = found.filter(({ name }) => isPlain(name));
  const files = visible.filter(({ name }) => !PICKLE.test(name));
  const onlyPickled = files.length < visible.length && !files.some(({ name }) => WEIGHTS.test(name));
  return { files, onlyPickled };
}

/**
 * Where below `base` the model itself lies: the newest `vN` where there are versions, and `safetensors` in it
 * where the configuration is not above it. `keys` are relative to `base`.
 */
export function modelFolder(keys: readonly string[]): string {
  const versions = keys.flatMap((key) => {
    const number = /^v(\d{1,9})\//.exec(key)?.[1];
    return number === undefined ? [] : [Number(number)];
  });
  const version = versions.length === 0 || keys.includes("config.json") ? "" : `v${Math.max(...versions)}/`;
  const inside = keys.filter((key) => key.startsWith(version)).map((key) => key.slice(version.length));
  const nested = !inside.includes("config.json") && inside.some((key) => key.startsWith("safetensors/"));
  return nested ? `${version}safetensors/` : version;
}
