import { mkdtemp, rm, writeFile, mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openDirectory } from "./directory.ts";
import type { Libraries, Onnx, Session, Tokenizer } from "./library.ts";
import { Model } from "./model.ts";

type Feed = Readonly<Record<string, { readonly data: BigInt64Array; readonly dims: readonly number[] }>>;

class FakeTensor {
  readonly data: unknown;
  readonly dims: readonly number[];
  constructor(_type: string, data: unknown, dims: readonly number[]) {
    this.data = data;
    this.dims = dims;
  }
}

/** Libraries whose graph answers what `answer` makes of the ids, and whose tokens are letters between 1 and 2. */
function fakeLibraries(output: string, answer: (feed: Feed) => number[]) {
  const feeds: Feed[] = [];
  const session: Session = {
    inputNames: ["input_ids", "attention_mask"],
    outputNames: [output],
    async run(feed) {
      feeds.push(feed as unknown as Feed);
      return { [output]: { data: Float32Array.from(answer(feed as unknown as Feed)), dims: [] } };
    },
  };
  const onnx: Onnx = {
    InferenceSession: { create: async () => session },
    Tensor: FakeTensor as unknown as Onnx["Tensor"],
  };
  const Letters = class implements Tokenizer {
    encode(text: string) {
      return { ids: [1, ...Array.from(text, (letter) => letter.charCodeAt(0)), 2] };
    }
    decode() {
      return "";
    }
  };
  const libraries: Libraries = { onnx: () => onnx, tokenizers: () => ({ Tokenizer: Letters }) };
  return { libraries, feeds };
}

describe("a model", () => {
  let folder: string;
  beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), "hfn-model-"))));
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const write = async (files: Readonly<Record<string, unknown>>) => {
    for (const [name, value] of Object.entries(files)) {
      await mkdir(join(folder, name, ".."), { recursive: true });
      await writeFile(join(folder, name), typeof value === "string" ? value : JSON.stringify(value));
    }
  };
  const open = async (libraries: Libraries) => new Model(await openDirectory(folder, "m", libraries));
  /** Hidden states of two dimensions: the id, and 100 where the mask says that there is none. */
  const states = ({ input_ids: ids, attention_mask: mask }: Feed): number[] =>
    Array.from(ids?.data ?? [], (id, at) => [Number(id), mask?.data[at] === 1n ? 0 : 100]).flat();
  const WHOLE = {
    "config.json": { model_type: "bert", pad_token_id: 9 },
    "model.onnx": "",
    "tokenizer.json": {},
  };

  it("fills a batch up to its longest, and takes the mean over what is a text's own", async () => {
    await write(WHOLE);
    const { libraries, feeds } = fakeLibraries("last_hidden_state", states);
    const vectors = await (await open(libraries)).encode(["\u0003\u0006", ""], { batchSize: 2 });
    expect(feeds).toHaveLength(1);
    expect([...(feeds[0]?.["input_ids"]?.data ?? [])]).toEqual([1n, 3n, 6n, 2n, 1n, 2n, 9n, 9n]);
    expect([...(feeds[0]?.["attention_mask"]?.data ?? [])]).toEqual([1n, 1n, 1n, 1n, 1n, 1n, 0n, 0n]);
    expect(feeds[0]?.["input_ids"]?.dims).toEqual([2, 4]);
    expect(Object.keys(feeds[0] ?? {})).not.toContain("token_type_ids");
    expect(vectors.map((vector) => [...vector])).toEqual([
      [3, 0],
      [1.5, 0],
    ]);
  });

  it("takes the first state, normalised, where the model's files say so", async () => {
    await write({
      ...WHOLE,
      "1_Pooling/config.json": { pooling_mode_cls_token: true },
      "modules.json": [{ type: "sentence_transformers.models.Normalize" }],
    });
    const twice = (feed: Feed) => states(feed).map((value) => value + 1);
    const { libraries } = fakeLibraries("last_hidden_state", twice);
    const [vector] = await (await open(libraries)).encode("\u0005");
    expect(vector?.[0]).toBeCloseTo(2 / Math.sqrt(5), 6);
    expect(vector?.[1]).toBeCloseTo(1 / Math.sqrt(5), 6);
  });

  it("takes texts in batches of the size given, and cuts long ones before their last token", async () => {
    await write({ ...WHOLE, "sentence_bert_config.json": { max_seq_length: 3 } });
    const { libraries, feeds } = fakeLibraries("last_hidden_state", states);
    const model = await open(libraries);
    expect(await model.encode(["\u0003\u0004\u0005", "\u0003", "\u0003"], { batchSize: 2 })).toHaveLength(3);
    expect(feeds.map((feed) => feed["input_ids"]?.dims)).toEqual([
      [2, 3],
      [1, 3],
    ]);
    expect([...(feeds[0]?.["input_ids"]?.data ?? [])].slice(0, 3)).toEqual([1n, 3n, 2n]);
    await expect(model.encode("x", { batchSize: 0 })).rejects.toThrow("batchSize is at least 1");
  });

  it("gives labels their probabilities, one by one where several may hold", async () => {
    const config = { model_type: "distilbert", id2label: { 0: "no", 1: "yes" } };
    await write({ ...WHOLE, "config.json": config });
    const { libraries } = fakeLibraries("logits", () => [0, Math.log(3)]);
    const found = await (await open(libraries)).predict("x");
    expect(found.label).toBe("yes");
    expect(found.scores["no"]).toBeCloseTo(0.25, 6);
    await write({ "config.json": { ...config, problem_type: "multi_label_classification" } });
    expect((await (await open(libraries)).predict(["x"]))[0]?.scores["no"]).toBeCloseTo(0.5, 6);
  });

  it("says what its graph does not give, and what was looked for", async () => {
    await write(WHOLE);
    const { libraries } = fakeLibraries("logits", () => [0]);
    const model = await open(libraries);
    await expect(model.encode("x")).rejects.toMatchObject({ code: "unsupported_model" });
    await expect(model.transcribe(new Uint8Array())).rejects.toThrow("the model m (bert) cannot transcribe");
    await rm(join(folder, "model.onnx"));
    await expect((await open(libraries)).encode("x")).rejects.toThrow(
      "neither model.onnx nor onnx/model.onnx",
    );
  });

  it("refuses weights that are pickled alone, and names a file that does not parse", async () => {
    const { libraries } = fakeLibraries("logits", () => [0]);
    await write({ "pytorch_model.bin": "" });
    await expect(open(libraries)).rejects.toMatchObject({ code: "unsafe_model" });
    await write({ "model.safetensors": "", "config.json": "{" });
    await expect(open(libraries)).rejects.toThrow(/config\.json does not parse/);
  });
});
