import type { Config } from "./sections.ts";

/**
 * The engine that a configuration asks for. `auto` takes Knative where the platform itself runs in a pod and knows a registry
 * for images; without a registry a pod is no more than somebody's machine.
 */
export function chosenEngine(
  { engine, registry }: { readonly engine: Config["engine"]; readonly registry: string | undefined },
  env: Readonly<Record<string, string | undefined>>,
): "local" | "knative" {
  if (engine !== "auto") return engine;
  const isPod = (env["KUBERNETES_SERVICE_HOST"] ?? "") !== "";
  return isPod && registry !== undefined ? "knative" : "local";
}
