import { wordPieceTokenizer } from "./intent.ts";
import { filled } from "./safetensors.ts";
import type { Tensors } from "./tensors.ts";

const WIDTH = 32;
const WIDE = 64;
const LAYERS = 2;
const LETTERS = [..."abcdefghijklmnopqrstuvwxyz0123456789"];
const TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", ...LETTERS, ...LETTERS.map((letter) => `##${letter}`)];

/** Stands in for `bge-large-en-v1.5`: a BERT of two layers with arbitrary weights that reads letter by letter. */
export function embeddingModel(): {
  readonly config: object;
  readonly tokenizer: object;
  readonly tensors: Tensors;
} {
  const linear = (prefix: string, outputs: number, inputs: number) => ({
    [`${prefix}.weight`]: [outputs, inputs],
    [`${prefix}.bias`]: [outputs],
  });
  const norm = (prefix: string) => ({ [`${prefix}.weight`]: [WIDTH], [`${prefix}.bias`]: [WIDTH] });
  const layer = (prefix: string) => ({
    ...linear(`${prefix}.attention.self.query`, WIDTH, WIDTH),
    ...linear(`${prefix}.attention.self.key`, WIDTH, WIDTH),
    ...linear(`${prefix}.attention.self.value`, WIDTH, WIDTH),
    ...linear(`${prefix}.attention.output.dense`, WIDTH, WIDTH),
    ...norm(`${prefix}.attention.output.LayerNorm`),
    ...linear(`${prefix}.intermediate.dense`, WIDE, WIDTH),
    ...linear(`${prefix}.output.dense`, WIDTH, WIDE),
    ...norm(`${prefix}.output.LayerNorm`),
  });
  const shapes: Record<string, readonly number[]> = {
    "embeddings.word_embeddings.weight": [TOKENS.length, WIDTH],
    "embeddings.position_embeddings.weight": [128, WIDTH],
    "embeddings.token_type_embeddings.weight": [2, WIDTH],
    ...norm("embeddings.LayerNorm"),
  };
  for (let index = 0; index < LAYERS; index += 1) Object.assign(shapes, layer(`encoder.layer.${index}`));
  const config = {
    model_type: "bert",
    hidden_size: WIDTH,
    num_attention_heads: 4,
    num_hidden_layers: LAYERS,
    intermediate_size: WIDE,
    hidden_act: "gelu",
    layer_norm_eps: 1e-12,
    max_position_embeddings: 128,
    pad_token_id: 0,
  };
  return { config, tensors: filled(shapes), tokenizer: wordPieceTokenizer(TOKENS) };
}
