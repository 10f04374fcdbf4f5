import type { Onnx, Session, Tokenizer } from "./library.ts";
import { ModelError } from "./model-error.ts";
import type { Json, ModelDirectory } from "./directory.ts";

/** The likeliest label of a text, its probability, and those of all labels. */
export interface Prediction {
  readonly label: string;
  readonly score: number;
  readonly scores: Readonly<Record<string, number>>;
}

interface Batch {
  /** One row of ids per text. */
  readonly rows: readonly (readonly number[])[];
  readonly longest: number;
}

const FALLBACK_LENGTH = 512;

/** A graph from token ids to hidden states or to logits. */
export interface TextModel {
  encode(texts: readonly string[], batchSize: number): Promise<Float32Array[]>;
  predict(texts: readonly string[], batchSize: number): Promise<Prediction[]>;
}

export async function openTextModel(directory: ModelDirectory): Promise<TextModel> {
  const session = await directory.session("model.onnx");
  const encoder = createEncoder(await directory.tokenizer(), await lengthLimit(directory));
  const pooling = await directory.json("1_Pooling", "config.json");
  const modules = (await directory.json("modules.json")) as unknown;
  const normalises = Array.isArray(modules) && modules.some((module: Json) => isNormalize(module));
  const onnx = directory.libraries.onnx();
  const pad = numberOr(directory.config["pad_token_id"], 0);

  const needs = (output: string, method: string): void => {
    if (session.outputNames.includes(output)) return;
    const message = `the model ${directory.name} (${directory.kind}) cannot ${method}: its graph has no output ${output}`;
    throw new ModelError("unsupported_model", message);
  };
  const run = async (output: string, batch: Batch) => {
    const result = await session.run(feed(onnx, session, batch, pad), [output]);
    return (result[output] as { readonly data: Float32Array }).data;
  };

  return {
    async encode(texts, batchSize) {
      needs("last_hidden_state", "encode");
      const vectors: Float32Array[] = [];
      for (const batch of encoder(texts, batchSize)) {
        const hidden = await run("last_hidden_state", batch);
        vectors.push(...pooled(hidden, batch, pooling["pooling_mode_cls_token"] === true));
      }
      return normalises ? vectors.map(normalised) : vectors;
    },
    async predict(texts, batchSize) {
      needs("logits", "predict");
      const found: Prediction[] = [];
      for (const batch of encoder(texts, batchSize)) {
        const logits = await run("logits", batch);
        const width = logits.length / batch.rows.length;
        batch.rows.forEach((_, row) => {
          found.push(prediction(directory.config, logits.subarray(row * width, (row + 1) * width)));
        });
      }
      return found;
    },
  };
}

function isNormalize(module: Json): boolean {
  const { type } = module;
  return typeof type === "string" && type.endsWith("Normalize");
}

async function lengthLimit(directory: ModelDirectory): Promise<number> {
  const stated = numberOr((await directory.json("sentence_bert_config.json"))["max_seq_length"], 0);
  return stated || numberOr(directory.config["max_position_embeddings"], 0) || FALLBACK_LENGTH;
}

function numberOr(value: unknown, fallback: number): number {
  return typeof value === "number" ? value : fallback;
}

/** Cut texts, batch by batch. What is cut goes from the middle's end: the closing special token stays. */
function createEncoder(tokenizer: Tokenizer, limit: number) {
  const ids = (text: string): number[] => {
    const all = tokenizer.encode(text).ids;
    return all.length <= limit ? all : [...all.slice(0, limit - 1), all.at(-1) as number];
  };
  return function* batches(texts: readonly string[], size: number): Generator<Batch> {
    if (!Number.isInteger(size) || size < 1) throw new RangeError(`batchSize is at least 1, not ${size}`);
    for (let start = 0; start < texts.length; start += size) {
      const rows = texts.slice(start, start + size).map(ids);
      yield { rows, longest: Math.max(...rows.map((row) => row.length)) };
    }
  };
}

function feed(onnx: Onnx, session: Session, { rows, longest }: Batch, pad: number) {
  const dims = [rows.length, longest];
  const size = rows.length * longest;
  const ids = new BigInt64Array(size).fill(BigInt(pad));
  const mask = new BigInt64Array(size);
  rows.forEach((row, index) => {
    row.forEach((id, at) => {
      ids[index * longest + at] = BigInt(id);
      mask[index * longest + at] = 1n;
    });
  });
  const arrays = { input_ids: ids, attention_mask: mask, token_type_ids: new BigInt64Array(size) };
  return Object.fromEntries(
    Object.entries(arrays)
      .filter(([name]) => session.inputNames.includes(name))
      .map(([name, data]) => [name, new onnx.Tensor("int64", data, dims)]),
  );
}

function pooled(hidden: Float32Array, { rows, longest }: Batch, firstOnly: boolean): Float32Array[] {
  const width = hidden.length / (rows.length * longest);
  return rows.map((row, index) => {
    const count = firstOnly ? 1 : row.length;
    const vector = new Float32Array(width);
    for (let at = 0; at < count; at += 1) {
      const start = (index * longest + at) * width;
      for (let dim = 0; dim < width; dim += 1)
        vector[dim] = (vector[dim] as number) + (hidden[start + dim] as number);
    }
    return vector.map((sum) => sum / count);
  });
}

function normalised(vector: Float32Array): Float32Array {
  const length = Math.max(Math.hypot(...vector), 1e-12);
  return vector.map((value) => value / length);
}

function prediction(config: Json, logits: Float32Array): Prediction {
  const labels = (config["id2label"] ?? {}) as Readonly<Record<string, string>>;
  const probabilities =
    config["problem_type"] === "multi_label_classification"
      ? Array.from(logits, (logit) => 1 / (1 + Math.exp(-logit)))
      : softmax(logits);
  const named = probabilities.map((score, index) => [labels[index] ?? `LABEL_${index}`, score] as const);
  const [label, score] = named.reduce((best, one) => (one[1] > best[1] ? one : best));
  return { label, score, scores: Object.fromEntries(named) };
}

function softmax(logits: Float32Array): number[] {
  const top = Math.max(...logits);
  const raised = Array.from(logits, (logit) => Math.exp(logit - top));
  const sum = raised.reduce((total, value) => total + value, 0);
  return raised.map((value) => value / sum);
}
