import type { Verdict } from "./verdict.ts";

/** `0/3 nodes are available: 1 Insufficient nvidia.com/gpu, 2 node(s) had untolerated taint {a: b}. preemption: ...` */
function reasonsOf(message: string): { nodes: number | undefined; parts: string[] } {
  const [, count, list] =
    /^\d+\/(\d+) nodes are available: ([^]*?)(?:\. preemption:[^]*)?\.?$/.exec(message) ?? [];
  if (list === undefined) return { nodes: undefined, parts: [] };
  return { nodes: Number(count), parts: list.split(", ").map((part) => part.trim()) };
}

const RESOURCES: Readonly<Record<string, string>> = {
  cpu: "CPU",
  memory: "memory",
  "ephemeral-storage": "disk",
  pods: "room for pods",
};

function inWords(part: string): string {
  const text = part.replace(/^\d+ /, "");
  const lacking = /^Insufficient (.+)$/.exec(text)?.[1];
  if (lacking !== undefined) return `not enough ${RESOURCES[lacking] ?? `free ${lacking}`}`;
  if (/didn't match Pod's node (affinity|selector)/.test(text))
    return "no node has the labels that it asks for";
  const taint = /untolerated taint\(?s?\)? ?\{?([^}]*)\}?/.exec(text)?.[1];
  if (taint !== undefined) return `a taint that it does not tolerate (${taint.trim()})`;
  return text;
}

/** What keeps a pod from every node. A GPU that is in use is waited for: it is freed, or a node with one is made. */
export function unschedulableVerdict(message: string): Verdict {
  const { nodes, parts } = reasonsOf(message);
  const gpu = /Insufficient (\S*gpu\S*)/i.exec(message)?.[1];
  const why = parts.length === 0 ? message : [...new Set(parts.map(inWords))].join(", ");
  const where =
    nodes === undefined ? "no node can take an instance" : `none of ${nodes} nodes can take an instance`;
  if (gpu !== undefined) {
    const next =
      "wait until another function frees one, or add a GPU node (kubectl get nodes -L nvidia.com/gpu.present)";
    return { code: "unschedulable", message: `waiting for a GPU: ${where}: ${why}`, next, final: false };
  }
  const next = "lower resources in function.yaml, or add a node";
  return { code: "unschedulable", message: `${where}: ${why}`, next, final: false };
}
