import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { embeddingModel } from "./embedding.ts";
import { intentModel } from "./intent.ts";
import { safetensorsBytes } from "./safetensors.ts";
import { speechModel } from "./speech.ts";

/** The models that the specification's samples name. */
export const STAND_INS = ["bge-large-en-v1.5", "distilbert-intent", "whisper-small"] as const;
export type StandIn = (typeof STAND_INS)[number];

type Files = Readonly<Record<string, object>>;

function filesOf(name: StandIn): { readonly json: Files; readonly weights: Uint8Array } {
  switch (name) {
    case "bge-large-en-v1.5": {
      const { config, tokenizer, tensors } = embeddingModel();
      const json = {
        "config.json": config,
        "tokenizer.json": tokenizer,
        "1_Pooling/config.json": { pooling_mode_cls_token: true, pooling_mode_mean_tokens: false },
        "modules.json": [
          { idx: 2, name: "2", path: "2_Normalize", type: "sentence_transformers.models.Normalize" },
        ],
      };
      return { json, weights: safetensorsBytes(tensors) };
    }
    case "distilbert-intent": {
      const { config, tokenizer, tensors } = intentModel();
      return {
        json: { "config.json": config, "tokenizer.json": tokenizer },
        weights: safetensorsBytes(tensors),
      };
    }
    case "whisper-small": {
      const { config, generation, tokenizer, tensors } = speechModel();
      const json = {
        "config.json": config,
        "generation_config.json": generation,
        "tokenizer.json": tokenizer,
      };
      return { json, weights: safetensorsBytes(tensors) };
    }
  }
}

/**
 * Writes a small model into `folder` as transformers would save it: real weights of the real architecture, made by hand. They stand in
 * for models of gigabytes that tests cannot fetch; what they answer is known in advance.
 */
export async function writeStandIn(folder: string, name: StandIn): Promise<void> {
  const { json, weights } = filesOf(name);
  for (const [file, value] of Object.entries(json)) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), JSON.stringify(value));
  }
  await writeFile(join(folder, "model.safetensors"), weights);
}
