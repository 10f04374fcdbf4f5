import { access, readdir, readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { Libraries, Session, Tokenizer } from "./library.ts";
import { ModelError } from "./model-error.ts";

export type Json = Readonly<Record<string, unknown>>;

/** The files of one model (runtimes/models.md), and the sessions made of them. */
export interface ModelDirectory {
  readonly path: string;
  readonly name: string;
  /** config.json; empty where there is none. */
  readonly config: Json;
  readonly libraries: Libraries;
  /** `model_type`, or words for its absence. */
  readonly kind: string;
  json(...parts: readonly string[]): Promise<Json>;
  session(graph: string): Promise<Session>;
  tokenizer(): Promise<Tokenizer>;
}

const PICKLED = /\.(bin|pt|pth|pkl|ckpt|h5)$/;
const GRAPH_OR_SAFE = /\.(safetensors|onnx)$/;
const MAX_THREADS = 4;

async function readJson(path: string): Promise<Json> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "{}";
    throw error;
  });
  try {
    return JSON.parse(text) as Json;
  } catch (cause) {
    throw new ModelError("unsupported_model", `${path} does not parse: ${(cause as Error).message}`);
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Throws `unsafe_model` where the only weights are pickled: reading those runs whatever code is in them. */
async function refusePickled(path: string, name: string): Promise<void> {
  const names = (await readdir(path)).toSorted();
  const pickled = names.find((file) => PICKLED.test(file));
  if (pickled === undefined || names.includes("onnx") || names.some((file) => GRAPH_OR_SAFE.test(file)))
    return;
  const message = `the weights of ${name} are pickled (${pickled}), and reading them would run whatever code is in there: convert them to safetensors or ONNX`;
  throw new ModelError("unsafe_model", message);
}

export async function openDirectory(
  path: string,
  name: string,
  libraries: Libraries,
): Promise<ModelDirectory> {
  await refusePickled(path, name);
  const config = await readJson(join(path, "config.json"));
  const type = config["model_type"];
  const kind = typeof type === "string" ? type : "of unknown architecture";
  return {
    path,
    name,
    config,
    libraries,
    kind,
    json: (...parts) => readJson(join(path, ...parts)),
    async session(graph) {
      const candidates = [join(path, graph), join(path, "onnx", graph)];
      for (const candidate of candidates) {
        if (!(await exists(candidate))) continue;
        return libraries.onnx().InferenceSession.create(candidate, {
          executionProviders: ["cpu"],
          intraOpNumThreads: Math.min(availableParallelism(), MAX_THREADS),
          interOpNumThreads: 1,
        });
      }
      const message = `the model ${name} (${kind}) has no graph: neither ${graph} nor onnx/${graph} is in ${path}`;
      throw new ModelError("unsupported_model", message);
    },
    async tokenizer() {
      const file = join(path, "tokenizer.json");
      if (!(await exists(file))) {
        throw new ModelError("unsupported_model", `the model ${name} has no tokenizer.json in ${path}`);
      }
      const [tokenizer, settings] = [
        await readJson(file),
        await readJson(join(path, "tokenizer_config.json")),
      ];
      return new (libraries.tokenizers().Tokenizer)(tokenizer, settings);
    },
  };
}
