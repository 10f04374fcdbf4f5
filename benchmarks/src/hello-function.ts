import { deploySource, type Source, writeSource } from "./deploy-source.ts";
import type { ServeProcess } from "./serve-process.ts";

export const RUNTIMES = ["python", "typescript"] as const;
export type RuntimeName = (typeof RUNTIMES)[number];

/** Each is a source of its own, so that nothing is shared between functions but the runtime. */
function sourceOf(name: string, runtime: RuntimeName): Source {
  const manifest = `name: ${name}
runtime: ${runtime}
version: 1.0.0
entry: handler.handle
scaling:
  min_instances: 0
  scale_down_delay: 0s
triggers:
  - type: http
    path: /v1/functions/${name}
    methods: [GET, POST]
`;
  return runtime === "python"
    ? { name, manifest, file: "handler.py", code: `def handle(ctx):\n    return {"hello": "${name}"}\n` }
    : { name, manifest, file: "handler.ts", code: `export const handle = () => ({ hello: "${name}" });\n` };
}

/** The folder of a function without dependencies, below `parent`. */
export function writeHello(parent: string, name: string, runtime: RuntimeName): Promise<string> {
  return writeSource(parent, sourceOf(name, runtime));
}

/** Deploys through the API and waits until the revision is ready. */
export function deployHello(
  platform: ServeProcess,
  parent: string,
  name: string,
  runtime: RuntimeName,
  signal: AbortSignal,
): Promise<void> {
  return deploySource(platform, parent, sourceOf(name, runtime), signal);
}
