import type { Graph, Value } from "../onnx/graph.ts";
import { below, type Weights } from "../weights.ts";

/** `x W^T (+ b)`, as torch stores a linear layer. */
export function linear(graph: Graph, weights: Weights, x: Value): Value {
  const kernel = graph.op("Transpose", [weights.use(graph, "weight")], { perm: [1, 0] });
  const product = graph.op("MatMul", [x, kernel]);
  return weights.has("bias") ? graph.op("Add", [product, weights.use(graph, "bias")]) : product;
}

export function layerNorm(graph: Graph, weights: Weights, x: Value, epsilon: number): Value {
  const inputs = [x, weights.use(graph, "weight"), weights.use(graph, "bias")];
  return graph.op("LayerNormalization", inputs, { axis: -1, epsilon: { float: epsilon } });
}

/** Activations by the names that a config.json gives them. */
export function activation(graph: Graph, name: string, x: Value): Value {
  switch (name) {
    case "gelu":
      return gelu(graph, x);
    case "relu":
      return graph.op("Relu", [x]);
    case "tanh":
      return graph.op("Tanh", [x]);
    default:
      throw new RangeError(`the activation ${name} is not served`);
  }
}

/** The exact form: x/2 (1 + erf(x / sqrt 2)). */
export function gelu(graph: Graph, x: Value): Value {
  const error = graph.op("Erf", [graph.op("Div", [x, graph.scalar(Math.SQRT2)])]);
  const one = graph.op("Add", [error, graph.scalar(1)]);
  return graph.op("Mul", [graph.op("Mul", [x, one]), graph.scalar(0.5)]);
}

export interface AttentionNames {
  readonly query: string;
  readonly key: string;
  readonly value: string;
  readonly output: string;
}

/**
 * Multi-head attention of `queries` [batch, m, d] over `source` [batch, n, d]. `mask` is added to the scores, and
 * broadcast to [batch, heads, m, n].
 */
export function attention(
  graph: Graph,
  weights: Weights,
  names: AttentionNames,
  input: {
    readonly queries: Value;
    readonly source: Value;
    readonly mask?: Value | undefined;
    readonly heads: number;
  },
): Value {
  const { queries, source, mask, heads } = input;
  const width = weights.shape(`${names.query}.weight`)[0] ?? 0;
  const perHead = width / heads;
  if (!Number.isInteger(perHead)) throw new RangeError(`${width} does not divide into ${heads} heads`);
  const split = (name: string, x: Value, perm: readonly number[]): Value => {
    const projected = linear(graph, below(weights, `${name}.`), x);
    return graph.op("Transpose", [graph.op("Reshape", [projected, graph.ints(0, 0, heads, perHead)])], {
      perm,
    });
  };
  const q = split(names.query, queries, [0, 2, 1, 3]);
  const k = split(names.key, source, [0, 2, 3, 1]);
  const v = split(names.value, source, [0, 2, 1, 3]);
  const scaled = graph.op("Div", [graph.op("MatMul", [q, k]), graph.scalar(Math.sqrt(perHead))]);
  const scores = mask === undefined ? scaled : graph.op("Add", [scaled, mask]);
  const mixed = graph.op("MatMul", [graph.op("Softmax", [scores], { axis: -1 }), v]);
  const joined = graph.op("Reshape", [
    graph.op("Transpose", [mixed], { perm: [0, 2, 1, 3] }),
    graph.ints(0, 0, width),
  ]);
  return linear(graph, below(weights, `${names.output}.`), joined);
}

/** [batch, n] of ones and zeros to [batch, 1, 1, n] of nothing and very little. */
export function paddingMask(graph: Graph, mask: Value): Value {
  const kept = graph.op("Unsqueeze", [graph.op("Cast", [mask], { to: 1 }), graph.ints(1, 2)]);
  return graph.op("Mul", [graph.op("Sub", [graph.scalar(1), kept]), graph.scalar(-1e9)]);
}

/** The length of axis 1, as a list of one. */
export function length(graph: Graph, x: Value): Value {
  return graph.op("Slice", [graph.op("Shape", [x]), graph.ints(1), graph.ints(2)]);
}

/** The first `count` (a list of one) rows of a table. */
export function firstRows(graph: Graph, table: Value, count: Value): Value {
  return graph.op("Slice", [table, graph.ints(0), count, graph.ints(0)]);
}
