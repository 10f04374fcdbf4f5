import { formatDuration } from "../duration.ts";
import type { Problem } from "../document/issues.ts";
import type { Config } from "./sections.ts";

function notServed(config: Config): Problem[] {
  const problems: Problem[] = [];
  for (const plane of config.planes) {
    if (plane !== "events") continue;
    const rule = `this build does not serve the plane ${plane} apart: api and proxy do together`;
    problems.push({ path: ["planes"], rule, suggestion: "use api, proxy and layer" });
  }
  return problems;
}

function knative({ engine, images, server }: Config): Problem[] {
  if (engine !== "knative") return [];
  const problems: Problem[] = [];
  if (images.registry === undefined) {
    const rule = "is required with engine knative: function images are pushed there";
    problems.push({ path: ["images", "registry"], rule, suggestion: "write host[:port][/path]" });
  }
  if (server.invokePort === 0) {
    const rule = "must be a port with engine knative: the cluster is told where the proxy listens";
    problems.push({ path: ["server", "invoke_port"], rule });
  }
  return problems;
}

const LOOPBACK = /^(?:localhost|127(?:\.\d+){3}|::1)$/;

function layerAuth({ planes, layer: { auth }, server }: Config): Problem[] {
  if (!planes.includes("layer") || auth !== "none" || LOOPBACK.test(server.host)) return [];
  const rule =
    "may be none only where server.host is an address of the loopback: anybody could read and write";
  return [{ path: ["layer", "auth"], rule }];
}

function kms(config: Config): Problem[] {
  const { provider, url, clientId, clientSecret } = config.secrets;
  const inUse = provider === "infisical" || (provider === "auto" && url !== undefined);
  if (!inUse) return [];
  return [
    { path: ["secrets", "url"], value: url },
    { path: ["secrets", "client_id"], value: clientId },
    { path: ["secrets", "client_secret"], value: clientSecret },
  ]
    .filter(({ value }) => value === undefined)
    .map(({ path }) => ({ path, rule: "is required where secrets come from a KMS" }));
}

function kafka({ triggers }: Config): Problem[] {
  const { username, password } = triggers.kafka.sasl;
  if ((username === undefined) === (password === undefined)) return [];
  const [missing, given] = username === undefined ? ["username", "password"] : ["password", "username"];
  return [{ path: ["triggers", "kafka", "sasl", missing as string], rule: `is required beside ${given}` }];
}

function timeouts(config: Config): Problem[] {
  return Object.entries(config.runtimes).flatMap(([name, limits]): Problem[] => {
    if (limits.defaultTimeoutMs <= limits.maxTimeoutMs) return [];
    const rule = `must be at most max_timeout, which is ${formatDuration(limits.maxTimeoutMs)}`;
    return [{ path: ["runtimes", name, "default_timeout"], rule }];
  });
}

function ports({ server, planes, layer }: Config): Problem[] {
  const { apiPort, invokePort, metricsPort } = server;
  const seen = new Map<number, string>();
  const named: readonly (readonly [section: string, name: string, port: number])[] = [
    ["server", "api_port", apiPort],
    ["server", "invoke_port", invokePort],
    ["server", "metrics_port", metricsPort],
    ...(planes.includes("layer") ? [["layer", "port", layer.port] as const] : []),
  ];
  return named.flatMap(([section, name, port]): Problem[] => {
    const other = seen.get(port);
    seen.set(port, name);
    if (other === undefined || port === 0) return [];
    return [{ path: [section, name], rule: `must differ from ${other}, which is ${port} too` }];
  });
}

/** Rules between keys, on the loaded values. */
export function configRules(config: Config): Problem[] {
  const { panicWindowMs, stableWindowMs } = config.local;
  const problems = [
    ...notServed(config),
    ...knative(config),
    ...layerAuth(config),
    ...kms(config),
    ...kafka(config),
    ...timeouts(config),
    ...ports(config),
  ];
  if (panicWindowMs > stableWindowMs) {
    const rule = `must be at most stable_window, which is ${formatDuration(stableWindowMs)}`;
    problems.push({ path: ["local", "panic_window"], rule });
  }
  if (config.limits.maxUnpackedBytes < config.limits.maxSourceBytes) {
    problems.push({ path: ["limits", "max_unpacked_bytes"], rule: "must be at least max_source_bytes" });
  }
  return problems;
}
