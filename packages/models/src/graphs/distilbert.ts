import { Graph, type Value } from "../onnx/graph.ts";
import { below, belowFirst, type Weights } from "../weights.ts";
import type { ModelConfig } from "./config.ts";
import { activation, attention, firstRows, layerNorm, length, linear, paddingMask } from "./layers.ts";

const ATTENTION = {
  query: "attention.q_lin",
  key: "attention.k_lin",
  value: "attention.v_lin",
  output: "attention.out_lin",
};
const EPSILON = 1e-12;

/**
 * DistilBERT (Sanh et al. 2019) as transformers saves it. Inputs `input_ids`, `attention_mask` (int64 [batch, sequence]).
 * Output `last_hidden_state` [batch, sequence, dim], or `logits` [batch, labels] where the model has a classifier.
 */
export function distilbertGraph(config: ModelConfig, all: Weights): Uint8Array {
  const weights = belowFirst(all, ["", "distilbert."], "embeddings.word_embeddings.weight");
  const graph = new Graph("distilbert");
  const hidden = encode(graph, config, weights);
  if (all.has("classifier.weight")) graph.output(classify(graph, all, hidden), "logits", ["batch", "labels"]);
  else graph.output(hidden, "last_hidden_state", ["batch", "sequence", config.size("dim")]);
  return graph.finish();
}

function encode(graph: Graph, config: ModelConfig, weights: Weights): Value {
  const dims = ["batch", "sequence"] as const;
  const ids = graph.input("input_ids", "int64", dims);
  const mask = paddingMask(graph, graph.input("attention_mask", "int64", dims));
  const words = graph.op("Gather", [weights.use(graph, "embeddings.word_embeddings.weight"), ids]);
  const table = weights.use(graph, "embeddings.position_embeddings.weight");
  const sum = graph.op("Add", [words, firstRows(graph, table, length(graph, ids))]);
  let x = layerNorm(graph, below(weights, "embeddings.LayerNorm."), sum, EPSILON);
  const heads = config.size("n_heads");
  for (let index = 0; index < config.size("n_layers"); index += 1) {
    const layer = below(weights, `transformer.layer.${index}.`);
    const mixed = attention(graph, layer, ATTENTION, { queries: x, source: x, mask, heads });
    x = layerNorm(graph, below(layer, "sa_layer_norm."), graph.op("Add", [x, mixed]), EPSILON);
    const wide = linear(graph, below(layer, "ffn.lin1."), x);
    const narrow = linear(
      graph,
      below(layer, "ffn.lin2."),
      activation(graph, config.text("activation", "gelu"), wide),
    );
    x = layerNorm(graph, below(layer, "output_layer_norm."), graph.op("Add", [x, narrow]), EPSILON);
  }
  return x;
}

function classify(graph: Graph, weights: Weights, hidden: Value): Value {
  const first = graph.op("Gather", [hidden, graph.int(0)], { axis: 1 });
  const pooled = graph.op("Relu", [linear(graph, below(weights, "pre_classifier."), first)]);
  return linear(graph, below(weights, "classifier."), pooled);
}
