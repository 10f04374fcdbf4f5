import type { Graph, Value } from "./onnx/graph.ts";
import type { Safetensors, TensorInfo } from "./safetensors.ts";

/** The weights of one model, over all files it is split into. */
export interface Weights {
  has(name: string): boolean;
  shape(name: string): readonly number[];
  /** Puts the weight into the graph. Throws where the model has none of that name. */
  use(graph: Graph, name: string): Value;
}

export function weightsOf(files: readonly Safetensors[]): Weights {
  const places = new Map<string, { readonly info: TensorInfo; readonly file: string }>();
  for (const { file, tensors } of files) {
    for (const [name, info] of tensors) places.set(name, { info, file });
  }
  const place = (name: string) => {
    const found = places.get(name);
    if (found === undefined) throw new RangeError(`the weight ${name} is missing`);
    return found;
  };
  return {
    has: (name) => places.has(name),
    shape: (name) => place(name).info.shape,
    use(graph, name) {
      const { info, file } = place(name);
      return graph.weight(name, info, file);
    },
  };
}

/** The same weights, read by names without their common prefix. */
export function below(weights: Weights, prefix: string): Weights {
  return {
    has: (name) => weights.has(prefix + name),
    shape: (name) => weights.shape(prefix + name),
    use: (graph, name) => weights.use(graph, prefix + name),
  };
}

/** Below the first prefix under which `name` exists; a model is saved with or without its task's head. */
export function belowFirst(weights: Weights, prefixes: readonly string[], name: string): Weights {
  const prefix = prefixes.find((candidate) => weights.has(candidate + name));
  if (prefix === undefined) throw new RangeError(`the weight ${name} is missing`);
  return below(weights, prefix);
}
