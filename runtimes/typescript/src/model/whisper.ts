import { RATE, samplesOf } from "./audio.ts";
import type { Json, ModelDirectory } from "./directory.ts";
import type { Tensor } from "./library.ts";
import { ModelError } from "./model-error.ts";

const PIECE = 30 * RATE;
const MAX_TOKENS = 448;

/** The fields of generation_config.json that are used. */
interface Settings {
  readonly decoder_start_token_id: number;
  readonly eos_token_id?: number;
  readonly lang_to_id?: Readonly<Record<string, number>>;
  readonly task_to_id?: { readonly transcribe?: number };
  readonly no_timestamps_token_id?: number;
  readonly forced_decoder_ids?: ReadonlyArray<readonly [number, number | null]> | null;
  readonly suppress_tokens?: readonly number[] | null;
  readonly begin_suppress_tokens?: readonly number[] | null;
  readonly max_length?: number;
}

export type Transcribe = (audio: Uint8Array | Float32Array, language: string | undefined) => Promise<string>;

/** Whisper's graphs, decoded greedily. */
export async function openWhisper(directory: ModelDirectory): Promise<Transcribe> {
  if (directory.config["model_type"] !== "whisper") {
    const message = `the model ${directory.name} (${directory.kind}) cannot transcribe`;
    throw new ModelError("unsupported_model", message);
  }
  const onnx = directory.libraries.onnx();
  const preprocessor = await directory.session("preprocessor.onnx");
  const encoder = await directory.session("encoder_model.onnx");
  const decoder = await directory.session("decoder_model.onnx");
  const tokenizer = await directory.tokenizer();
  const generation: Json = await directory.json("generation_config.json");
  const settings = { ...directory.config, ...generation } as unknown as Settings;

  const listen = async (samples: Float32Array): Promise<Tensor> => {
    const audio = new onnx.Tensor("float32", samples, [samples.length]);
    const { input_features: features } = await preprocessor.run({ audio }, ["input_features"]);
    const { last_hidden_state: heard } = await encoder.run({ input_features: features as Tensor }, [
      "last_hidden_state",
    ]);
    return heard as Tensor;
  };
  /** The logits after the last of the ids. */
  const next = async (heard: Tensor, ids: readonly number[]): Promise<Float32Array> => {
    const input = new onnx.Tensor("int64", BigInt64Array.from(ids, BigInt), [1, ids.length]);
    const { logits } = await decoder.run({ input_ids: input, encoder_hidden_states: heard }, ["logits"]);
    const { data } = logits as Tensor;
    return data.subarray(data.length - data.length / ids.length);
  };

  const prefixOf = async (heard: Tensor, language: string | undefined): Promise<number[]> => {
    const start = [settings.decoder_start_token_id];
    const languages = settings.lang_to_id;
    if (languages === undefined) {
      return [
        ...start,
        ...(settings.forced_decoder_ids ?? []).flatMap(([, id]) => (id === null ? [] : [id])),
      ];
    }
    const spoken =
      language === undefined
        ? likeliest(await next(heard, start), Object.values(languages))
        : languages[`<|${language}|>`];
    if (spoken === undefined) throw new RangeError(`the model knows no language ${String(language)}`);
    const rest = [settings.task_to_id?.transcribe, settings.no_timestamps_token_id];
    return [...start, spoken, ...rest.filter((id) => id !== undefined)];
  };

  const decode = async (heard: Tensor, prefix: readonly number[]): Promise<number[]> => {
    const ids = [...prefix];
    const limit = settings.max_length ?? MAX_TOKENS;
    while (ids.length < limit) {
      const logits = await next(heard, ids);
      for (const id of settings.suppress_tokens ?? []) if (id >= 0) logits[id] = -Infinity;
      if (ids.length === prefix.length)
        for (const id of settings.begin_suppress_tokens ?? []) logits[id] = -Infinity;
      const token = logits.reduce((best, value, id) => (value > (logits[best] as number) ? id : best), 0);
      if (token === settings.eos_token_id) break;
      ids.push(token);
    }
    return ids.slice(prefix.length);
  };

  return async (audio, language) => {
    const samples = samplesOf(audio);
    const texts: string[] = [];
    for (let at = 0; at < samples.length; at += PIECE) {
      const heard = await listen(samples.slice(at, at + PIECE));
      const ids = await decode(heard, await prefixOf(heard, language));
      const text = tokenizer.decode(ids, { skip_special_tokens: true }).trim();
      if (text !== "") texts.push(text);
    }
    return texts.join(" ");
  };
}

function likeliest(logits: Float32Array, ids: readonly number[]): number | undefined {
  return ids.toSorted((a, b) => (logits[b] as number) - (logits[a] as number))[0];
}
