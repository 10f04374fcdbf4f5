import { Graph, type Value } from "../onnx/graph.ts";
import { below, belowFirst, type Weights } from "../weights.ts";
import type { ModelConfig } from "./config.ts";
import { activation, attention, firstRows, layerNorm, length, linear, paddingMask } from "./layers.ts";

const ATTENTION = {
  query: "attention.self.query",
  key: "attention.self.key",
  value: "attention.self.value",
  output: "attention.output.dense",
};

/**
 * BERT (Devlin et al. 2019) as transformers saves it. Inputs `input_ids`, `attention_mask`, `token_type_ids`
 * (int64 [batch, sequence]). Output `last_hidden_state` [batch, sequence, hidden], or `logits` [batch, labels] where the
 * model has a classifier.
 */
export function bertGraph(config: ModelConfig, all: Weights): Uint8Array {
  const weights = belowFirst(all, ["", "bert."], "embeddings.word_embeddings.weight");
  const graph = new Graph("bert");
  const hidden = encode(graph, config, weights);
  if (all.has("classifier.weight"))
    graph.output(classify(graph, all, weights, hidden), "logits", ["batch", "labels"]);
  else graph.output(hidden, "last_hidden_state", ["batch", "sequence", config.size("hidden_size")]);
  return graph.finish();
}

function encode(graph: Graph, config: ModelConfig, weights: Weights): Value {
  const dims = ["batch", "sequence"] as const;
  const ids = graph.input("input_ids", "int64", dims);
  const mask = paddingMask(graph, graph.input("attention_mask", "int64", dims));
  const types = graph.input("token_type_ids", "int64", dims);
  const epsilon = config.number("layer_norm_eps", 1e-12);
  const words = graph.op("Gather", [weights.use(graph, "embeddings.word_embeddings.weight"), ids]);
  const kinds = graph.op("Gather", [weights.use(graph, "embeddings.token_type_embeddings.weight"), types]);
  const places = firstRows(
    graph,
    weights.use(graph, "embeddings.position_embeddings.weight"),
    length(graph, ids),
  );
  const sum = graph.op("Add", [graph.op("Add", [words, kinds]), places]);
  let x = layerNorm(graph, below(weights, "embeddings.LayerNorm."), sum, epsilon);
  const heads = config.size("num_attention_heads");
  for (let index = 0; index < config.size("num_hidden_layers"); index += 1) {
    const layer = below(weights, `encoder.layer.${index}.`);
    const mixed = attention(graph, layer, ATTENTION, { queries: x, source: x, mask, heads });
    x = layerNorm(graph, below(layer, "attention.output.LayerNorm."), graph.op("Add", [x, mixed]), epsilon);
    const wide = linear(graph, below(layer, "intermediate.dense."), x);
    const narrow = linear(
      graph,
      below(layer, "output.dense."),
      activation(graph, config.text("hidden_act", "gelu"), wide),
    );
    x = layerNorm(graph, below(layer, "output.LayerNorm."), graph.op("Add", [x, narrow]), epsilon);
  }
  return x;
}

function classify(graph: Graph, all: Weights, weights: Weights, hidden: Value): Value {
  const first = graph.op("Gather", [hidden, graph.int(0)], { axis: 1 });
  const pooled = graph.op("Tanh", [linear(graph, below(weights, "pooler.dense."), first)]);
  return linear(graph, below(all, "classifier."), pooled);
}
