import { readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PlatformError } from "@hanzo-fn/contract";
import { bertGraph } from "./graphs/bert.ts";
import { modelConfig, type ModelConfig } from "./graphs/config.ts";
import { distilbertGraph } from "./graphs/distilbert.ts";
import { melGraph, WHISPER_MEL } from "./graphs/mel.ts";
import { whisperDecoderGraph, whisperEncoderGraph } from "./graphs/whisper.ts";
import { readSafetensors } from "./safetensors.ts";
import { weightsOf, type Weights } from "./weights.ts";

type Json = Readonly<Record<string, unknown>>;

/** File name to the bytes of its graph. */
type Graphs = Readonly<Record<string, Uint8Array>>;

/** How the graphs of a `model_type` are made. */
const ARCHITECTURES: Readonly<Record<string, (config: ModelConfig, weights: Weights) => Graphs>> = {
  bert: (config, weights) => ({ "model.onnx": bertGraph(config, weights) }),
  distilbert: (config, weights) => ({ "model.onnx": distilbertGraph(config, weights) }),
  whisper: (config, weights) => ({
    "preprocessor.onnx": melGraph({ ...WHISPER_MEL, mels: config.size("num_mel_bins") }),
    "encoder_model.onnx": whisperEncoderGraph(config, weights),
    "decoder_model.onnx": whisperDecoderGraph(config, weights),
  }),
};

/** The `model_type`s whose safetensors become graphs. */
export const EXPORTED_MODEL_TYPES: readonly string[] = Object.keys(ARCHITECTURES);

/**
 * Writes ONNX graphs beside the safetensors of a model directory (as transformers saves it), which they refer to. Answers the names
 * of the files written: none where there is an ONNX file already, no safetensors, or an architecture that is not
 * served. Throws `bad_request` where config.json and weights do not fit together.
 */
export async function exportGraphs(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder);
  const nested = names.includes("onnx") ? await readdir(join(folder, "onnx")).catch(() => []) : [];
  const files = names.filter((name) => name.endsWith(".safetensors")).toSorted();
  if (files.length === 0 || [...names, ...nested].some((name) => name.endsWith(".onnx"))) return [];
  const config = await readConfig(folder);
  const type = config?.["model_type"];
  const make = typeof type === "string" ? ARCHITECTURES[type] : undefined;
  if (config === undefined || make === undefined) return [];
  const weights = weightsOf(
    await Promise.all(files.map((file) => readSafetensors(join(folder, file), file))),
  );
  const graphs = Object.entries(graphsOf(make, config, weights, type as string));
  for (const [name, bytes] of graphs) {
    const fresh = join(folder, `.${name}.new`);
    await writeFile(fresh, bytes);
    await rename(fresh, join(folder, name));
  }
  return graphs.map(([name]) => name);
}

async function readConfig(folder: string): Promise<Json | undefined> {
  const text = await readFile(join(folder, "config.json"), "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : undefined;
  } catch (cause) {
    throw new PlatformError("bad_request", "config.json is no JSON", { cause, component: "models" });
  }
}

function graphsOf(
  make: (config: ModelConfig, weights: Weights) => Graphs,
  config: Json,
  weights: Weights,
  type: string,
): Graphs {
  try {
    return make(modelConfig(config), weights);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    const message = `the weights do not make a ${type} model: ${cause.message}`;
    throw new PlatformError("bad_request", message, { cause, component: "models" });
  }
}
