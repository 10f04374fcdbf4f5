import { readFile, readdir, rename, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { parseAllDocuments } from "yaml";
import type { KubeObject } from "../api-client.ts";
import type { Addresses } from "../layout.ts";

export const SYSTEM = "knative-serving";

export interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

/** What Knative Serving brings along, without its Deployments: here its programs are processes of the node. */
export interface Manifests {
  readonly definitions: readonly KubeObject[];
  /** Namespace, accounts, roles and webhooks. */
  readonly core: readonly KubeObject[];
  readonly configMaps: readonly ConfigMap[];
}

/** Folders of the Go modules, which carry Knative's manifests beside its code. */
export interface ModuleFolders {
  readonly serving: string;
  readonly networking: string;
  readonly caching: string;
}

/** Collected once per build: reading some thousand lines of YAML takes a second. */
export async function knativeManifests(
  file: string,
  folders: () => Promise<ModuleFolders>,
): Promise<Manifests> {
  const kept = await readFile(file, "utf8").catch(() => undefined);
  if (kept !== undefined) return JSON.parse(kept) as Manifests;
  const manifests = await collect(await folders());
  const part = `${file}.${process.pid}`;
  await writeFile(part, JSON.stringify(manifests));
  await rename(part, file);
  return manifests;
}

async function collect({ serving, networking, caching }: ModuleFolders): Promise<Manifests> {
  const config = join(serving, "config", "core");
  const crds = ["certificate", "domain-claim", "ingress", "serverlessservice"];
  const definitions = await documents([
    ...(await yamlBelow(join(config, "300-resources"))),
    ...crds.map((name) => join(networking, "config", `${name}.yaml`)),
    join(caching, "config", "image.yaml"),
  ]);
  const core = await documents([
    join(config, "100-namespace.yaml"),
    join(config, "200-serviceaccount.yaml"),
    ...(await yamlBelow(join(config, "200-roles"))),
    ...(await yamlBelow(join(config, "webhooks"))),
  ]);
  const configMaps = await documents([
    ...(await yamlBelow(join(config, "configmaps"))),
    join(networking, "config", "config-network.yaml"),
  ]);
  return {
    definitions: definitions
      .filter(({ kind }) => kind === "CustomResourceDefinition")
      .map((definition) => withoutDescriptions(definition) as KubeObject),
    core,
    configMaps: configMaps.map((map) => withoutExample(map as ConfigMap)),
  };
}

/** Sorted; links of the repository may lead out of the folder and are files in the module. */
async function yamlBelow(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".yaml")).toSorted();
  return names.map((name) => join(folder, name));
}

async function documents(files: readonly string[]): Promise<KubeObject[]> {
  const texts = await Promise.all(files.map((file) => readFile(file, "utf8")));
  return texts.flatMap((text, at) =>
    parseAllDocuments(text).flatMap((document) => {
      const [error] = document.errors;
      if (error !== undefined) throw new Error(`${basename(files[at] ?? "")}: ${error.message}`);
      const value = document.toJS() as KubeObject | null;
      return value === null ? [] : [value];
    }),
  );
}

/** More than half of the bytes of a definition is text about its fields. */
export function withoutDescriptions(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDescriptions);
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).flatMap(([key, field]) => {
    if (key === "description" && typeof field === "string") return [];
    // A property may be called "description", too.
    const kept =
      key === "properties" && typeof field === "object" && field !== null
        ? Object.fromEntries(
            Object.entries(field).map(([name, schema]) => [name, withoutDescriptions(schema)]),
          )
        : withoutDescriptions(field);
    return [[key, kept] as const];
  });
  return Object.fromEntries(fields);
}

/** The checksum beside the example refuses edits of it, also its removal. */
function withoutExample(map: ConfigMap): ConfigMap {
  const { _example, ...data } = map.data ?? {};
  const metadata = map.metadata as KubeObject["metadata"] & { annotations?: Record<string, string> };
  const { "knative.dev/example-checksum": _sum, ...annotations } = metadata.annotations ?? {};
  return { ...map, metadata: { ...metadata, annotations } as KubeObject["metadata"], data };
}

/** Settings over those of the manifests, by map and key. */
export function configured(
  maps: readonly ConfigMap[],
  settings: Readonly<Record<string, Readonly<Record<string, string>>>>,
): ConfigMap[] {
  const known = new Set(maps.map(({ metadata }) => metadata.name));
  const unknown = Object.keys(settings).find((name) => !known.has(name));
  if (unknown !== undefined) throw new Error(`Knative has no ConfigMap ${unknown}`);
  return maps.map((map) => ({ ...map, data: { ...map.data, ...settings[map.metadata.name] } }));
}

const SERVICES: Readonly<
  Record<string, ReadonlyArray<readonly [name: string, port: number, target: number]>>
> = {
  "activator-service": [
    ["http", 80, 8012],
    ["http2", 81, 8013],
  ],
  autoscaler: [["http", 8080, 8080]],
  webhook: [["https-webhook", 443, 8443]],
};

/** Services without selector, whose endpoints are the node. Knative's throttler still reads v1 Endpoints. */
export function nodeServices({ node }: Addresses): KubeObject[] {
  return Object.entries(SERVICES).flatMap(([name, ports]) => {
    const labels = { app: name.replace("-service", ""), "app.kubernetes.io/name": SYSTEM };
    const metadata = { name, namespace: SYSTEM, labels };
    const service = ports.map(([port, number, targetPort]) => ({ name: port, port: number, targetPort }));
    const endpoints = ports.map(([port, , target]) => ({ name: port, port: target }));
    return [
      { apiVersion: "v1", kind: "Service", metadata, spec: { ports: service } },
      {
        apiVersion: "v1",
        kind: "Endpoints",
        metadata,
        subsets: [{ addresses: [{ ip: node }], ports: endpoints }],
      },
    ];
  });
}
