import { formatDuration } from "../duration.ts";
import type { Problem } from "../document/issues.ts";
import type { Config } from "./sections.ts";

function notServed(config: Config): Problem[] {
  const problems: Problem[] = [];
  for (const plane of config.planes) {
    if (plane === "api" || plane === "proxy") continue;
    const rule = `this build does not serve the plane ${plane}`;
    problems.push({ path: ["planes"], rule, suggestion: "use api and proxy" });
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

function ports(config: Config): Problem[] {
  const { apiPort, invokePort, metricsPort } = config.server;
  const seen = new Map<number, string>();
  const named: readonly (readonly [string, number])[] = [
    ["api_port", apiPort],
    ["invoke_port", invokePort],
    ["metrics_port", metricsPort],
  ];
  return named.flatMap(([name, port]): Problem[] => {
    const other = seen.get(port);
    seen.set(port, name);
    if (other === undefined || port === 0) return [];
    return [{ path: ["server", name], rule: `must differ from ${other}, which is ${port} too` }];
  });
}

/** Rules between keys, on the loaded values. */
export function configRules(config: Config): Problem[] {
  const { panicWindowMs, stableWindowMs } = config.local;
  const problems = [
    ...notServed(config),
    ...knative(config),
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
