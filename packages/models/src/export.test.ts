import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { exportGraphs } from "./export.ts";
import { filled, safetensorsBytes } from "@hanzo-fn/testkit/models";

const WIDTH = 8;
const square = { weight: [WIDTH, WIDTH], bias: [WIDTH] } as const;
const norm = { weight: [WIDTH], bias: [WIDTH] } as const;
const under = (prefix: string, shapes: Readonly<Record<string, readonly number[]>>) =>
  Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [`${prefix}.${name}`, shape]));

const distilbert: Record<string, readonly number[]> = {
  ...under("distilbert.embeddings.word_embeddings", { weight: [10, WIDTH] }),
  ...under("distilbert.embeddings.position_embeddings", { weight: [16, WIDTH] }),
  ...under("distilbert.embeddings.LayerNorm", norm),
  ...["q_lin", "k_lin", "v_lin", "out_lin"].reduce(
    (all, name) => ({ ...all, ...under(`distilbert.transformer.layer.0.attention.${name}`, square) }),
    {},
  ),
  ...under("distilbert.transformer.layer.0.sa_layer_norm", norm),
  ...under("distilbert.transformer.layer.0.ffn.lin1", square),
  ...under("distilbert.transformer.layer.0.ffn.lin2", square),
  ...under("distilbert.transformer.layer.0.output_layer_norm", norm),
  ...under("pre_classifier", square),
  ...under("classifier", { weight: [2, WIDTH], bias: [2] }),
};
const config = { model_type: "distilbert", dim: WIDTH, n_heads: 2, n_layers: 1, activation: "gelu" };

describe("exportGraphs", () => {
  let folder: string;
  beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), "hfn-models-"))));
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const write = async (json: unknown, weights: Readonly<Record<string, readonly number[]>>) => {
    await writeFile(join(folder, "config.json"), JSON.stringify(json));
    await writeFile(join(folder, "model.safetensors"), safetensorsBytes(filled(weights)));
  };

  it("writes a graph that refers to the weights and does not hold them", async () => {
    await write(config, distilbert);
    expect(await exportGraphs(folder)).toEqual(["model.onnx"]);
    const graph = await readFile(join(folder, "model.onnx"), "latin1");
    expect(graph).toContain("model.safetensors");
    expect(graph).toContain("logits");
  });

  it("writes the same bytes for the same model", async () => {
    await write(config, distilbert);
    await exportGraphs(folder);
    const first = await readFile(join(folder, "model.onnx"));
    await rm(join(folder, "model.onnx"));
    await exportGraphs(folder);
    expect(await readFile(join(folder, "model.onnx"))).toEqual(first);
  });

  it("leaves a model alone that brings its own graph, or that it does not know", async () => {
    await write({ model_type: "llama" }, distilbert);
    expect(await exportGraphs(folder)).toEqual([]);
    await write(config, distilbert);
    await writeFile(join(folder, "model.onnx"), "mine");
    expect(await exportGraphs(folder)).toEqual([]);
  });

  it("names the weight that is missing, and the field of config.json that is wrong", async () => {
    const { "pre_classifier.bias": _, "pre_classifier.weight": __, ...rest } = distilbert;
    await write(config, rest);
    await expect(exportGraphs(folder)).rejects.toThrow("the weight pre_classifier.weight is missing");
    await write({ ...config, n_layers: "one" }, distilbert);
    await expect(exportGraphs(folder)).rejects.toThrow("n_layers");
  });
});
