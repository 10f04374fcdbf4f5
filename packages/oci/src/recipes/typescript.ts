import { stat } from "node:fs/promises";
import { treeEntries, type LayerEntry } from "../entries.ts";

const HOME = "/opt/hanzo/typescript";

/** An image has no shell that could start Node with options: the interpreter's line holds one argument only. */
const AGENT = `#!/usr/bin/node --disable-warning=ExperimentalWarning
import("${HOME}/server/agent.js");
`;

/**
 * Node and the server. `server` is the folder that the SDK and the server were emitted into, `node` the program.
 */
export async function typescriptServer(server: string, node: string): Promise<LayerEntry[]> {
  return [
    ...(await treeEntries(server, HOME)),
    { kind: "copy", path: "/usr/bin/node", mode: 0o755, from: node, size: (await stat(node)).size },
    { kind: "file", path: "/usr/bin/hanzo-fn-agent", mode: 0o755, content: Buffer.from(AGENT) },
    // What a function imports as `@hanzo/functions` where it was not bundled.
    { kind: "link", path: "/node_modules/@hanzo/functions", target: `../..${HOME}` },
  ];
}
