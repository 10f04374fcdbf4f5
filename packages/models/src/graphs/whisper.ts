import { Graph, type Value } from "../onnx/graph.ts";
import { below, belowFirst, type Weights } from "../weights.ts";
import type { ModelConfig } from "./config.ts";
import { activation, attention, firstRows, gelu, layerNorm, length, linear } from "./layers.ts";

const EPSILON = 1e-5;
const ATTENTION = { query: "q_proj", key: "k_proj", value: "v_proj", output: "out_proj" };

function model(weights: Weights): Weights {
  return belowFirst(weights, ["model.", ""], "encoder.conv1.weight");
}

/** The two linear layers after an attention, with their norm before them and the sum after. */
function feedForward(graph: Graph, config: ModelConfig, layer: Weights, x: Value): Value {
  const normed = layerNorm(graph, below(layer, "final_layer_norm."), x, EPSILON);
  const wide = linear(graph, below(layer, "fc1."), normed);
  const active = activation(graph, config.text("activation_function", "gelu"), wide);
  return graph.op("Add", [x, linear(graph, below(layer, "fc2."), active)]);
}

function convolution(graph: Graph, weights: Weights, x: Value, stride: number): Value {
  const inputs = [x, weights.use(graph, "weight"), weights.use(graph, "bias")];
  return gelu(graph, graph.op("Conv", inputs, { kernel_shape: [3], pads: [1, 1], strides: [stride] }));
}

/** Whisper's encoder (Radford et al. 2022): `input_features` [batch, mels, frames] to `last_hidden_state`. */
export function whisperEncoderGraph(config: ModelConfig, all: Weights): Uint8Array {
  const weights = below(model(all), "encoder.");
  const graph = new Graph("whisper-encoder");
  const features = graph.input("input_features", "float", [
    "batch",
    config.size("num_mel_bins"),
    2 * config.size("max_source_positions"),
  ]);
  const narrow = convolution(graph, below(weights, "conv1."), features, 1);
  const halved = convolution(graph, below(weights, "conv2."), narrow, 2);
  let x = graph.op("Add", [
    graph.op("Transpose", [halved], { perm: [0, 2, 1] }),
    weights.use(graph, "embed_positions.weight"),
  ]);
  const heads = config.size("encoder_attention_heads");
  for (let index = 0; index < config.size("encoder_layers"); index += 1) {
    const layer = below(weights, `layers.${index}.`);
    const normed = layerNorm(graph, below(layer, "self_attn_layer_norm."), x, EPSILON);
    const mixed = attention(graph, below(layer, "self_attn."), ATTENTION, {
      queries: normed,
      source: normed,
      heads,
    });
    x = feedForward(graph, config, layer, graph.op("Add", [x, mixed]));
  }
  graph.output(layerNorm(graph, below(weights, "layer_norm."), x, EPSILON), "last_hidden_state", [
    "batch",
    config.size("max_source_positions"),
    config.size("d_model"),
  ]);
  return graph.finish();
}

/** [1, 1, n, n]: nothing on and below the diagonal, very little above it. */
function causalMask(graph: Graph, count: Value): Value {
  const range = graph.op("Range", [graph.int(0), graph.op("Squeeze", [count]), graph.int(1)]);
  const row = graph.op("Unsqueeze", [range, graph.ints(0)]);
  const column = graph.op("Unsqueeze", [range, graph.ints(1)]);
  const later = graph.op("Where", [graph.op("Greater", [row, column]), graph.scalar(-1e9), graph.scalar(0)]);
  return graph.op("Unsqueeze", [later, graph.ints(0, 1)]);
}

/**
 * Whisper's decoder: `input_ids` int64 [batch, sequence] and `encoder_hidden_states` to `logits`
 * [batch, sequence, vocabulary]; it keeps no state between calls.
 */
export function whisperDecoderGraph(config: ModelConfig, all: Weights): Uint8Array {
  const weights = below(model(all), "decoder.");
  const graph = new Graph("whisper-decoder");
  const ids = graph.input("input_ids", "int64", ["batch", "sequence"]);
  const source = graph.input("encoder_hidden_states", "float", ["batch", "frames", config.size("d_model")]);
  const count = length(graph, ids);
  const table = weights.use(graph, "embed_tokens.weight");
  const places = firstRows(graph, weights.use(graph, "embed_positions.weight"), count);
  const mask = causalMask(graph, count);
  const heads = config.size("decoder_attention_heads");
  let x = graph.op("Add", [graph.op("Gather", [table, ids]), places]);
  for (let index = 0; index < config.size("decoder_layers"); index += 1) {
    const layer = below(weights, `layers.${index}.`);
    const own = layerNorm(graph, below(layer, "self_attn_layer_norm."), x, EPSILON);
    const self = attention(graph, below(layer, "self_attn."), ATTENTION, {
      queries: own,
      source: own,
      mask,
      heads,
    });
    x = graph.op("Add", [x, self]);
    const queries = layerNorm(graph, below(layer, "encoder_attn_layer_norm."), x, EPSILON);
    const heard = attention(graph, below(layer, "encoder_attn."), ATTENTION, { queries, source, heads });
    x = feedForward(graph, config, layer, graph.op("Add", [x, heard]));
  }
  const last = layerNorm(graph, below(weights, "layer_norm."), x, EPSILON);
  const logits = graph.op("MatMul", [last, graph.op("Transpose", [table], { perm: [1, 0] })]);
  graph.output(logits, "logits", ["batch", "sequence", config.size("vocab_size")]);
  return graph.finish();
}
