import { describe, expect, it } from "vitest";
import { checkModelName, chooseFiles, modelFolder } from "./names.ts";

it.each(["bge-large-en-v1.5", "whisper-small", "distilbert-intent", "A", "a..b"])(
  "%s is a model's name",
  (name) => {
    expect(checkModelName(name)).toBe(name);
  },
);

it.each([
  "",
  ".",
  "..",
  ".hidden",
  "a/b",
  "../a",
  "a\\b",
  "a\0",
  "ä",
  "zen",
  "fine-tuned",
  "x".repeat(129),
  "a b",
])("%j is none", (name) => {
  expect(() => checkModelName(name)).toThrow(expect.objectContaining({ code: "bad_request" }));
});

const choose = (...names: string[]) => {
  const { files, onlyPickled } = chooseFiles(names.map((name) => ({ name })));
  return [files.map(({ name }) => name), onlyPickled];
};

describe("the files of a model", () => {
  it("are all but pickles, hidden ones and those that leave its folder", () => {
    expect(
      choose(
        "config.json",
        "model.safetensors",
        "pytorch_model.bin",
        ".git/x",
        "../x",
        "a/../x",
        "a//b",
        "onnx/m.onnx",
      ),
    ).toEqual([["config.json", "model.safetensors", "onnx/m.onnx"], false]);
  });

  it("are refused where the weights are pickles alone", () => {
    expect(choose("config.json", "pytorch_model.BIN")).toEqual([["config.json"], true]);
    expect(choose("model.pt")).toEqual([[], true]);
    expect(choose("tokenizer.json")).toEqual([["tokenizer.json"], false]);
  });
});

it.each([
  [["config.json", "model.safetensors"], ""],
  [["v1/config.json", "v2/config.json", "v10/config.json", "README.md"], "v10/"],
  [["v3/safetensors/config.json", "v3/safetensors/model.safetensors", "v2/config.json"], "v3/safetensors/"],
  [["safetensors/model.safetensors"], "safetensors/"],
  [["config.json", "v1/old.json"], ""],
  [["vocab/a.txt", "v1x/a"], ""],
])("the model of %j lies in %j", (keys, folder) => {
  expect(modelFolder(keys)).toBe(folder);
});
