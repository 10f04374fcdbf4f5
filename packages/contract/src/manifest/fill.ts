import { timeoutCap, type RuleOptions } from "./rules.ts";
import type { ManifestFields } from "./schema.ts";
import { isTriggerType, TRIGGER_KINDS } from "./triggers/index.ts";
import type { Manifest, Resources, Trigger } from "./types.ts";

/** HIP-60, Manifest Fields. */
const DEFAULT_TIMEOUT_MS = 60_000;

function readTrigger(fields: Record<string, unknown>): Trigger {
  const { type } = fields;
  if (!isTriggerType(type)) throw new TypeError(`unknown trigger type ${String(type)}`);
  return TRIGGER_KINDS[type].read(fields);
}

function readResources(fields: ManifestFields, options: RuleOptions): Resources {
  const { cpu, memory, gpu, timeout, concurrency } = fields.resources;
  const byDefault = options.runtimes?.[fields.runtime]?.defaultTimeoutMs ?? DEFAULT_TIMEOUT_MS;
  return {
    cpuMillis: cpu,
    memoryBytes: memory,
    ...(gpu === undefined ? {} : { gpu }),
    timeoutMs: timeout ?? Math.min(byDefault, timeoutCap(fields.runtime, options)),
    concurrency: concurrency ?? (gpu === undefined ? 10 : 1),
  };
}

/** The stored form of valid fields, with the defaults that depend on other fields or on the platform. */
export function fillManifest(fields: ManifestFields, options: RuleOptions): Manifest {
  const { scaling } = fields;
  return {
    name: fields.name,
    runtime: fields.runtime,
    version: fields.version,
    entry: fields.entry,
    ...(fields.description === undefined ? {} : { description: fields.description }),
    resources: readResources(fields, options),
    scaling: {
      minInstances: scaling.min_instances,
      maxInstances: scaling.max_instances,
      targetConcurrency: scaling.target_concurrency,
      scaleDownDelayMs: scaling.scale_down_delay,
    },
    triggers: fields.triggers.map(readTrigger),
    environment: fields.environment,
    secrets: fields.secrets,
    network: fields.network ?? { egress: [] },
    ...(fields.edge === undefined ? {} : { edge: fields.edge }),
    ...(fields.on_success === undefined ? {} : { onSuccess: fields.on_success }),
    ...(fields.on_failure === undefined ? {} : { onFailure: fields.on_failure }),
  };
}
