import { describe, expect, it } from "vitest";
import { preinstalledGo, preinstalledNode, preinstalledPython, preinstalledRust } from "./preinstalled.ts";

const none = new Set<string>();

describe("preinstalledPython", () => {
  it.each([
    ["import httpx", ["httpx==0.28.1"]],
    ["    import httpx as h, json", ["httpx==0.28.1"]],
    ["import json, httpx", ["httpx==0.28.1"]],
    ["from pydantic.types import X", ["pydantic==2.14.3"]],
    ["import httpx_oauth", []],
    ["# import httpx", []],
    ["from .httpx import a", []],
  ])("sees what %j needs", (text, lines) => {
    expect(preinstalledPython([text], none)).toEqual(lines);
  });

  it("adds what the loader of models imports", () => {
    const lines = preinstalledPython(['model = ctx.model("x")'], none);
    expect(lines.map((line) => line.split("==")[0])).toEqual([
      "numpy",
      "numpy",
      "onnxruntime",
      "onnxruntime",
      "tokenizers",
    ]);
  });

  it("leaves alone what the function has itself", () => {
    expect(preinstalledPython(["import httpx"], new Set(["httpx"]))).toEqual([]);
  });
});

describe("preinstalledNode", () => {
  const names = (text: string): string[] => {
    const packageJson = preinstalledNode([text], none);
    const { dependencies } = JSON.parse(packageJson ?? `{"dependencies": {}}`) as { dependencies: object };
    return Object.keys(dependencies);
  };

  it.each([
    [`import { pipeline } from '@xenova/transformers'`, ["@xenova/transformers"]],
    [`import ort from "onnxruntime-node";`, ["onnxruntime-node"]],
    [`const ort = await import("onnxruntime-node")`, ["onnxruntime-node"]],
    [`const ort = require('onnxruntime-node/lib')`, ["onnxruntime-node"]],
    [`import "onnxruntime-node-gpu"`, []],
    [`await ctx.model("x").predict(text)`, ["@huggingface/tokenizers", "onnxruntime-node"]],
  ])("sees what %j needs", (text, wanted) => {
    expect(names(text)).toEqual(wanted);
  });

  it("is nothing where the function has it itself", () => {
    expect(preinstalledNode([`import "onnxruntime-node"`], new Set(["onnxruntime-node"]))).toBeUndefined();
  });
});

it("a Go source gets the modules that it imports", () => {
  const imports = new Set(["fmt", "github.com/yalue/onnxruntime_go"]);
  expect([...preinstalledGo(imports)]).toEqual([["github.com/yalue/onnxruntime_go", "v1.27.0"]]);
  expect([...preinstalledGo(new Set(["fmt"]))]).toEqual([]);
});

it("a Rust source always gets the same small crates, and the large ones that it names", () => {
  const always = ["serde", "serde_json", "tokio"];
  expect([...preinstalledRust([]).keys()]).toEqual(always);
  expect([...preinstalledRust(["let c = reqwest::Client::new();"]).keys()]).toEqual([...always, "reqwest"]);
  expect([...preinstalledRust(["use candle_core::Tensor;"]).keys()]).toEqual([...always, "candle_core"]);
});
