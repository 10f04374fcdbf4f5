import { loadConfig, Secret } from "@hanzo-fn/contract";
import { revisionRef, type DesiredRevision } from "../engine.ts";
import { SERVING, type Owner } from "./kube.ts";
import { knativeSettings, type KnativeSettings } from "./settings.ts";
import type { FunctionWish, RevisionWish } from "./wish.ts";

export const PLANTED = "pl4nted-v4lue";

/** The settings of a configuration file, its other keys at their defaults. */
export function settingsOf(text = "{}"): KnativeSettings {
  const loaded = loadConfig({ text, env: {} });
  if (loaded.problems.length > 0) throw new Error(JSON.stringify(loaded.problems));
  return knativeSettings(loaded.config);
}

export const FULL_CONFIG = `
auth: {org: hanzo}
images: {registry: "registry.example:5000/functions"}
knative:
  platform_addresses: [192.0.2.7, "2001:db8::7"]
  runtime_class: gvisor
  zero_initial_scale: true
  gpu: {runtime_class: nvidia}
  quota: {cpu: "8", memory: 16Gi, gpus: 2, pods: 50}
`;

export function revision(
  number: number,
  more: Partial<DesiredRevision> & { readonly org?: string; readonly name?: string } = {},
): DesiredRevision {
  const { org = "hanzo", name = "embed-document", ...desired } = more;
  return {
    ref: revisionRef(org, name, number),
    runtime: "python",
    entry: "handler.embed",
    sourceDigest: `sha256:${"5".repeat(64)}`,
    environment: {},
    secrets: {},
    cpuMillis: 250,
    memoryBytes: 256 * 2 ** 20,
    timeoutMs: 60_000,
    concurrency: 10,
    percent: 0,
    ...desired,
  };
}

export function revisionWish(
  desired: DesiredRevision,
  more: Omit<Partial<RevisionWish>, "desired"> = {},
): RevisionWish {
  const image = `registry.example:5000/functions/${desired.ref.function}@sha256:${"a".repeat(64)}`;
  return { desired, image, version: "1.0.0", ...more };
}

export function functionWish(more: Partial<FunctionWish> = {}): FunctionWish {
  return {
    org: "hanzo",
    function: "embed-document",
    scaling: { minInstances: 0, maxInstances: 10, targetConcurrency: 1, scaleDownDelayMs: 300_000 },
    egress: [],
    secrets: new Map(),
    ...more,
  };
}

export const SERVICE_OWNER: Owner = {
  apiVersion: SERVING,
  kind: "Service",
  name: "embed-document",
  uid: "11111111-1111-4111-8111-111111111111",
};

/** The function of HIP-60, Function Definition, in its fourth revision beside the third. */
export function fullWish(): { fn: FunctionWish; revisions: RevisionWish[] } {
  const desired = (number: number, percent: number, proven: boolean): DesiredRevision =>
    revision(number, {
      cpuMillis: 500,
      memoryBytes: 2 ** 30,
      timeoutMs: 300_000,
      concurrency: 4,
      percent,
      proven,
      environment: { MODEL_NAME: "bge-large-en-v1.5", BATCH_SIZE: "32", PRICE: "$5 of $(BATCH_SIZE)" },
      secrets: { HANZO_API_KEY: "hanzo-api-key", DB: "prod/db_url" },
    });
  const common = {
    version: "1.1.0",
    gpu: { resource: "nvidia.com/gpu", count: 1 },
    gatewayToken: new Secret(`${PLANTED}-token`),
  };
  const owner = {
    apiVersion: SERVING,
    kind: "Revision",
    name: "embed-document-00003",
    uid: "33333333-3333-4333-8333-333333333333",
  };
  return {
    fn: functionWish({
      scaling: { minInstances: 1, maxInstances: 20, targetConcurrency: 1, scaleDownDelayMs: 300_500 },
      egress: ["https://api.example.com", "http://203.0.113.9:8080"],
      secrets: new Map([
        ["hanzo-api-key", new Secret(PLANTED)],
        ["prod/db_url", new Secret(`${PLANTED}-2`)],
      ]),
      secretsChangedAt: "2026-01-02T03:04:05.000Z",
      owner: SERVICE_OWNER,
    }),
    revisions: [
      revisionWish(desired(3, 90, true), { ...common, version: "1.0.0", owner }),
      revisionWish(desired(4, 10, true), common),
    ],
  };
}
