import { stat } from "node:fs/promises";
import type { LayerEntry } from "../entries.ts";

/** A Go or Rust image: the agent, which runs the compiled function. `agent` is the compiled program. */
export async function compiledServer(agent: string): Promise<LayerEntry[]> {
  const { size } = await stat(agent);
  return [{ kind: "copy", path: "/usr/bin/hanzo-fn-agent", mode: 0o755, from: agent, size }];
}
