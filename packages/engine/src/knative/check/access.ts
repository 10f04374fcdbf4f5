import type { KnativeSettings } from "../settings.ts";
import type { Access, ClusterFacts, Finding } from "./facts.ts";

const WRITE = ["get", "list", "watch", "create", "patch", "delete"];
const READ = ["get", "list", "watch"];

const NEEDED: readonly (readonly [group: string, resource: string, verbs: readonly string[]])[] = [
  ["", "namespaces", ["get", "list", "watch", "create", "patch"]],
  ["", "serviceaccounts", WRITE],
  ["", "secrets", WRITE],
  ["", "services", [...READ, "create", "patch"]],
  ["", "pods", READ],
  ["", "pods/log", ["get"]],
  ["", "events", READ],
  ["", "nodes", ["get", "list"]],
  ["networking.k8s.io", "networkpolicies", WRITE],
  ["discovery.k8s.io", "endpointslices", [...READ, "create", "patch"]],
  ["apps", "deployments", [...READ, "patch"]],
  ["serving.knative.dev", "services", WRITE],
  ["serving.knative.dev", "revisions", [...READ, "patch", "delete"]],
  ["serving.knative.dev", "configurations", READ],
  ["serving.knative.dev", "routes", READ],
];

const BUDGET: typeof NEEDED = [
  ["", "resourcequotas", WRITE],
  ["", "limitranges", WRITE],
];

const NATIVE_INGRESS: typeof NEEDED = [
  ["networking.internal.knative.dev", "ingresses", READ],
  ["networking.internal.knative.dev", "ingresses/status", ["patch"]],
];

/** Everything that the engine does in a cluster: questions for SelfSubjectAccessReviews, and the rules of its ClusterRole. */
export function requiredAccess(settings: Pick<KnativeSettings, "quota" | "ingress">): Access[] {
  const hasBudget = Object.values(settings.quota).some((value) => value !== undefined);
  const all = [
    ...NEEDED,
    ...(hasBudget ? BUDGET : []),
    ...(settings.ingress === "native" ? NATIVE_INGRESS : []),
  ];
  return all.flatMap(([group, resource, verbs]) => verbs.map((verb) => ({ group, resource, verb })));
}

interface Grant {
  /** Of the role and of its binding. */
  readonly name: string;
  readonly verbs: readonly string[];
  readonly resource: string;
}

/** The command that lets the account that asked do it; the platform's own where nobody knows which that was. */
export function grant(
  { user }: Pick<ClusterFacts, "user">,
  { platformNamespace }: Pick<KnativeSettings, "platformNamespace">,
  { name, verbs, resource }: Grant,
): string {
  const account = /^system:serviceaccount:(.+)$/.exec(user ?? "")?.[1];
  const given = account === undefined && user !== undefined ? `--user='${user}'` : undefined;
  const grantee = given ?? `--serviceaccount=${account ?? `${platformNamespace}:hanzo-functions`}`;
  return `kubectl create clusterrole ${name} --verb=${verbs.join(",")} --resource=${resource} && kubectl create clusterrolebinding ${name} --clusterrole=${name} ${grantee}`;
}

/** One finding per resource, with a command that grants what is missing to the platform's account. */
export function accessFindings(
  facts: ClusterFacts,
  settings: Pick<KnativeSettings, "platformNamespace">,
): Finding[] {
  const denied = new Map<string, Access[]>();
  for (const { allowed, ...access } of facts.access) {
    if (allowed) continue;
    const key = access.group === "" ? access.resource : `${access.resource}.${access.group}`;
    denied.set(key, [...(denied.get(key) ?? []), access]);
  }
  return [...denied].map(([resource, list]): Finding => {
    const verbs = list.map(({ verb }) => verb);
    const name = `hanzo-functions-${resource.replaceAll(/[^a-z]+/g, "-")}`;
    // kubectl writes the group between the resource and its subresource.
    const [main = "", sub] = (list[0]?.resource ?? "").split("/");
    const group = list[0]?.group ? `.${list[0].group}` : "";
    const full = `${main}${group}${sub === undefined ? "" : `/${sub}`}`;
    const command = grant(facts, settings, { name, verbs, resource: full });
    return {
      id: `access.${resource}`,
      severity: "error",
      message: `the platform may not ${verbs.join(",")} ${resource}`,
      command,
    };
  });
}
