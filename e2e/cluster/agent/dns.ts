import type { KubeObject } from "../api-client.ts";

export interface Service extends KubeObject {
  readonly spec: { readonly type?: string; readonly clusterIP?: string; readonly externalName?: string };
}

export interface EndpointSlice extends KubeObject {
  readonly addressType: string;
  readonly endpoints?: ReadonlyArray<{
    readonly addresses: readonly string[];
    readonly conditions?: { readonly ready?: boolean };
  }> | null;
}

/** What names mean: services of the cluster by `name.namespace`, and fixed names. */
export interface Names {
  readonly services: ReadonlyMap<string, Service>;
  readonly slices: Iterable<EndpointSlice>;
  readonly fixed: Readonly<Record<string, string>>;
}

const SUFFIX = ".svc.cluster.local";
const DEEPEST_ALIAS = 5;
/** More do not fit into a datagram of 512 bytes, and TCP is not spoken. */
const MOST_ADDRESSES = 20;
const TYPE_A = 1;
const CLASS_IN = 1;
const TTL_SECONDS = 1;
const HEADER = 12;
const NXDOMAIN = 3;

/** IPv4 addresses of a name; undefined where there is no such name. */
export function resolve(names: Names, name: string, depth = 0): readonly string[] | undefined {
  const fixed = names.fixed[name];
  if (fixed !== undefined) return [fixed];
  if (!name.endsWith(SUFFIX) || depth > DEEPEST_ALIAS) return undefined;
  const short = name.slice(0, -SUFFIX.length);
  const service = names.services.get(short);
  if (service === undefined) return undefined;
  const { type, clusterIP, externalName } = service.spec;
  if (type === "ExternalName") return resolve(names, (externalName ?? "").toLowerCase(), depth + 1);
  if (clusterIP !== undefined && clusterIP !== "None" && clusterIP !== "") return [clusterIP];
  return [...names.slices]
    .filter((slice) => slice.addressType === "IPv4" && short === serviceOf(slice))
    .flatMap((slice) => slice.endpoints ?? [])
    .filter((endpoint) => endpoint.conditions?.ready !== false)
    .flatMap((endpoint) => endpoint.addresses);
}

const serviceOf = ({ metadata }: EndpointSlice): string =>
  `${metadata.labels?.["kubernetes.io/service-name"]}.${metadata.namespace}`;

/** The answer to one datagram (RFC 1035); undefined where it is no question. */
export function answerQuery(query: Buffer, names: Names): Buffer | undefined {
  if (query.length < HEADER + 5 || query.readUInt16BE(4) !== 1) return undefined;
  const labels: string[] = [];
  let at = HEADER;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString("latin1", at + 1, at + 1 + length));
    at += length + 1;
  }
  const end = at + 5;
  if (end > query.length) return undefined;
  const found = resolve(names, labels.join(".").toLowerCase());
  const addresses = query.readUInt16BE(at + 1) === TYPE_A ? (found ?? []).slice(0, MOST_ADDRESSES) : [];
  const header = Buffer.alloc(HEADER);
  query.copy(header, 0, 0, 2);
  const wantsRecursion = (query[2] ?? 0) & 1;
  header.writeUInt16BE(0x8480 | (wantsRecursion << 8) | (found === undefined ? NXDOMAIN : 0), 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(addresses.length, 6);
  return Buffer.concat([header, query.subarray(HEADER, end), ...addresses.map(record)]);
}

function record(address: string): Buffer {
  const bytes = Buffer.alloc(16);
  // The name is the question's.
  bytes.writeUInt16BE(0xc000 | HEADER, 0);
  bytes.writeUInt16BE(TYPE_A, 2);
  bytes.writeUInt16BE(CLASS_IN, 4);
  bytes.writeUInt32BE(TTL_SECONDS, 6);
  bytes.writeUInt16BE(4, 10);
  bytes.set(address.split(".").map(Number), 12);
  return bytes;
}
