import { formatDuration } from "../duration.ts";
import { yaml } from "../document/lazy.ts";
import { formatBytes, formatCpu } from "../document/quantity.ts";
import { TRIGGER_KINDS } from "./triggers/index.ts";
import type { Manifest } from "./types.ts";

/** The manifest as `function.yaml` would say it, every default written out. Parsing it again gives the same manifest. */
export function toCanonicalJson(manifest: Manifest): Record<string, unknown> {
  const { resources, scaling } = manifest;
  return {
    name: manifest.name,
    runtime: manifest.runtime,
    version: manifest.version,
    entry: manifest.entry,
    ...(manifest.description === undefined ? {} : { description: manifest.description }),
    resources: {
      cpu: formatCpu(resources.cpuMillis),
      memory: formatBytes(resources.memoryBytes),
      ...(resources.gpu === undefined ? {} : { gpu: `${resources.gpu.resource}: ${resources.gpu.count}` }),
      timeout: formatDuration(resources.timeoutMs),
      concurrency: resources.concurrency,
    },
    scaling: {
      min_instances: scaling.minInstances,
      max_instances: scaling.maxInstances,
      target_concurrency: scaling.targetConcurrency,
      scale_down_delay: formatDuration(scaling.scaleDownDelayMs),
    },
    triggers: manifest.triggers.map((trigger) => TRIGGER_KINDS[trigger.type].print(trigger)),
    environment: manifest.environment,
    secrets: manifest.secrets,
    ...(manifest.network.egress.length === 0 ? {} : { network: manifest.network }),
    ...(manifest.edge === undefined ? {} : { edge: manifest.edge }),
    ...(manifest.onSuccess === undefined ? {} : { on_success: manifest.onSuccess }),
    ...(manifest.onFailure === undefined ? {} : { on_failure: manifest.onFailure }),
  };
}

export function toCanonicalYaml(manifest: Manifest): string {
  return yaml().stringify(toCanonicalJson(manifest), { lineWidth: 0, aliasDuplicateObjects: false });
}
