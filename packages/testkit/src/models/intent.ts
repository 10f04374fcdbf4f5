import { matrix, plainNorm, scaled, silent, type Tensors, vector, zeros } from "./tensors.ts";

const WIDTH = 8;
const LABELS = ["support", "sales", "other"];
/** The dimension that a word speaks for: 0 support, 1 sales, 2 neither. */
const WORDS: Readonly<Record<string, number>> = {
  help: 0,
  broken: 0,
  refund: 0,
  error: 0,
  buy: 1,
  price: 1,
  upgrade: 1,
  hello: 2,
  thanks: 2,
};
const SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"];
const TOKENS = [...SPECIAL, ...Object.keys(WORDS)];
const LAYER = "distilbert.transformer.layer.0";

/**
 * Stands in for `distilbert-intent`: a DistilBERT of one layer whose attention averages all words, so that the label follows from
 * which words there are.
 */
export function intentModel(): {
  readonly config: object;
  readonly tokenizer: object;
  readonly tensors: Tensors;
} {
  const meaning = (row: number, column: number): number => (WORDS[TOKENS[row] as string] === column ? 4 : 0);
  const tensors = {
    "distilbert.embeddings.word_embeddings.weight": matrix(TOKENS.length, WIDTH, meaning),
    "distilbert.embeddings.position_embeddings.weight": zeros(64, WIDTH),
    ...plainNorm("distilbert.embeddings.LayerNorm", WIDTH),
    ...silent(`${LAYER}.attention.q_lin`, WIDTH, WIDTH),
    ...silent(`${LAYER}.attention.k_lin`, WIDTH, WIDTH),
    ...scaled(`${LAYER}.attention.v_lin`, WIDTH),
    ...scaled(`${LAYER}.attention.out_lin`, WIDTH),
    ...plainNorm(`${LAYER}.sa_layer_norm`, WIDTH),
    ...silent(`${LAYER}.ffn.lin1`, WIDTH, WIDTH),
    ...silent(`${LAYER}.ffn.lin2`, WIDTH, WIDTH),
    ...plainNorm(`${LAYER}.output_layer_norm`, WIDTH),
    ...scaled("pre_classifier", WIDTH),
    "classifier.weight": matrix(LABELS.length, WIDTH, (row, column) => (row === column ? 2 : 0)),
    "classifier.bias": vector(LABELS.length, 0),
  };
  const config = {
    model_type: "distilbert",
    dim: WIDTH,
    n_heads: 2,
    n_layers: 1,
    activation: "gelu",
    max_position_embeddings: 64,
    pad_token_id: 0,
    id2label: Object.fromEntries(LABELS.map((label, index) => [index, label])),
  };
  return { config, tensors, tokenizer: wordPieceTokenizer(TOKENS) };
}

/** tokenizer.json of an uncased BERT with the given tokens, the first four of them special. */
export function wordPieceTokenizer(tokens: readonly string[]): object {
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
  const special = (content: string) => ({
    id: vocab[content],
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  });
  const piece = (id: string) => ({ SpecialToken: { id, type_id: 0 } });
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: tokens.slice(0, 4).map(special),
    normalizer: {
      type: "BertNormalizer",
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: {
      type: "TemplateProcessing",
      single: [piece("[CLS]"), { Sequence: { id: "A", type_id: 0 } }, piece("[SEP]")],
      pair: [
        piece("[CLS]"),
        { Sequence: { id: "A", type_id: 0 } },
        piece("[SEP]"),
        { Sequence: { id: "B", type_id: 1 } },
        { SpecialToken: { id: "[SEP]", type_id: 1 } },
      ],
      special_tokens: Object.fromEntries(
        ["[CLS]", "[SEP]"].map((id) => [id, { id, ids: [vocab[id]], tokens: [id] }]),
      ),
    },
    decoder: { type: "WordPiece", prefix: "##", cleanup: true },
    model: {
      type: "WordPiece",
      unk_token: "[UNK]",
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 100,
      vocab,
    },
  };
}
