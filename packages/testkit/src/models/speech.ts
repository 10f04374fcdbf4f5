import { matrix, plainNorm, scaled, silent, type Tensors, vector, zeros } from "./tensors.ts";

const WIDTH = 16;
const MELS = 80;
const FRAMES = 1500;
const TOKENS = [
  "low",
  "high",
  "<|endoftext|>",
  "<|startoftranscript|>",
  "<|en|>",
  "<|de|>",
  "<|transcribe|>",
  "<|notimestamps|>",
];
const FIRST_SPECIAL = 2;
const id = (token: string): number => TOKENS.indexOf(token);

/** What the dimensions of a hidden state mean. */
const LOW = 0;
const HIGH = 1;
const WORD = 2;
const END = 3;
const ENGLISH = 4;

/** The embedding of a token, which is also what its logit looks for. */
function meaning(token: string): Readonly<Record<number, number>> {
  switch (token) {
    case "low":
      return { [LOW]: 2, [WORD]: 1 };
    case "high":
      return { [HIGH]: 2, [WORD]: 1 };
    case "<|endoftext|>":
      return { [END]: 2 };
    case "<|en|>":
      return { [ENGLISH]: 2 };
    default:
      return {};
  }
}

/** What each place after the start asks for: a language first, a word after the four tokens of the prefix, then the end. */
const WANTED: Readonly<Record<number, number>> = { 0: ENGLISH, 3: WORD, 4: END };

function attention(prefix: string, speaks: boolean): Tensors {
  const { [`${prefix}.k_proj.bias`]: _, ...key } = silent(`${prefix}.k_proj`, WIDTH, WIDTH);
  return {
    ...silent(`${prefix}.q_proj`, WIDTH, WIDTH),
    ...key,
    ...scaled(`${prefix}.v_proj`, WIDTH),
    ...(speaks ? scaled(`${prefix}.out_proj`, WIDTH, 4) : silent(`${prefix}.out_proj`, WIDTH, WIDTH)),
  };
}

function block(prefix: string): Tensors {
  return {
    ...attention(`${prefix}.self_attn`, false),
    ...plainNorm(`${prefix}.self_attn_layer_norm`, WIDTH),
    ...silent(`${prefix}.fc1`, WIDTH, WIDTH),
    ...silent(`${prefix}.fc2`, WIDTH, WIDTH),
    ...plainNorm(`${prefix}.final_layer_norm`, WIDTH),
  };
}

/** A kernel of width 3 that looks at the middle frame only. */
function convolution(
  prefix: string,
  inputs: number,
  weight: (output: number, input: number) => number,
): Tensors {
  const kernel = Array.from({ length: WIDTH * inputs * 3 }, (_, at) =>
    at % 3 === 1 ? weight(Math.floor(at / (inputs * 3)), Math.floor(at / 3) % inputs) : 0,
  );
  return {
    [`${prefix}.weight`]: { shape: [WIDTH, inputs, 3], values: kernel },
    [`${prefix}.bias`]: vector(WIDTH, 0),
  };
}

/**
 * Stands in for `whisper-small`: a Whisper of one layer that hears whether the lower or the upper half of the spectrum is louder, and
 * says `low` or `high`.
 */
export function speechModel(): {
  readonly config: object;
  readonly generation: object;
  readonly tokenizer: object;
  readonly tensors: Tensors;
} {
  const half = MELS / 2;
  const listens = (output: number, input: number): number =>
    (output === LOW && input < half) || (output === HIGH && input >= half) ? 1 / half : 0;
  const tensors = {
    ...convolution("model.encoder.conv1", MELS, listens),
    ...convolution("model.encoder.conv2", WIDTH, (output, input) => (output === input ? 1 : 0)),
    "model.encoder.embed_positions.weight": zeros(FRAMES, WIDTH),
    ...block("model.encoder.layers.0"),
    ...plainNorm("model.encoder.layer_norm", WIDTH),
    "model.decoder.embed_tokens.weight": matrix(
      TOKENS.length,
      WIDTH,
      (row, column) => meaning(TOKENS[row] as string)[column] ?? 0,
    ),
    "model.decoder.embed_positions.weight": matrix(16, WIDTH, (row, column) =>
      WANTED[row] === column ? 60 : 0,
    ),
    ...block("model.decoder.layers.0"),
    ...attention("model.decoder.layers.0.encoder_attn", true),
    ...plainNorm("model.decoder.layers.0.encoder_attn_layer_norm", WIDTH),
    ...plainNorm("model.decoder.layer_norm", WIDTH),
  };
  const config = {
    model_type: "whisper",
    d_model: WIDTH,
    num_mel_bins: MELS,
    max_source_positions: FRAMES,
    max_target_positions: 16,
    encoder_layers: 1,
    encoder_attention_heads: 2,
    decoder_layers: 1,
    decoder_attention_heads: 2,
    vocab_size: TOKENS.length,
    activation_function: "gelu",
  };
  const generation = {
    decoder_start_token_id: id("<|startoftranscript|>"),
    eos_token_id: id("<|endoftext|>"),
    lang_to_id: { "<|en|>": id("<|en|>"), "<|de|>": id("<|de|>") },
    task_to_id: { transcribe: id("<|transcribe|>") },
    no_timestamps_token_id: id("<|notimestamps|>"),
    suppress_tokens: [id("<|startoftranscript|>")],
    begin_suppress_tokens: [id("<|endoftext|>")],
    max_length: 12,
  };
  return { config, generation, tensors, tokenizer: byteLevelTokenizer() };
}

function byteLevelTokenizer(): object {
  const special = TOKENS.slice(FIRST_SPECIAL).map((content) => ({
    id: id(content),
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  }));
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: special,
    normalizer: null,
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
    post_processor: null,
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: "",
      end_of_word_suffix: "",
      fuse_unk: false,
      byte_fallback: false,
      vocab: Object.fromEntries(TOKENS.slice(0, FIRST_SPECIAL).map((token) => [token, id(token)])),
      merges: [],
    },
  };
}
