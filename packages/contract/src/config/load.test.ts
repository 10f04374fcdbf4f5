import { describe, expect, it } from "vitest";
import { Secret } from "../secret.ts";
import { loadConfig, type ConfigSources } from "./load.ts";

function load(sources: Partial<ConfigSources>) {
  return loadConfig({ env: {}, ...sources });
}

function good(sources: Partial<ConfigSources>) {
  const loaded = load(sources);
  expect(loaded.problems).toEqual([]);
  return loaded.config;
}

function problems(sources: Partial<ConfigSources>): string[] {
  return load(sources).problems.map((item) => `${item.path}: ${item.rule}`);
}

describe("the configuration", () => {
  it("is complete without a file or variables", () => {
    const config = good({ env: { HOME: "/home/me" } });
    expect(config).toMatchObject({
      engine: "auto",
      planes: ["api", "proxy"],
      dataDir: "/home/me/.local/share/hanzo-fn",
      server: { host: "127.0.0.1", apiPort: 8060, invokePort: 8061, metricsPort: 9060 },
      limits: { queueTimeoutMs: 60_000 },
      runtimes: { typescript: { defaultTimeoutMs: 60_000, maxTimeoutMs: 900_000 } },
    });
    expect(config.database.url).toBeUndefined();
  });

  it("listens on all addresses once somebody configured it", () => {
    expect(good({ text: "{}" }).server.host).toBe("0.0.0.0");
    expect(good({ env: { DATABASE_URL: "postgres://db/x" } }).server.host).toBe("0.0.0.0");
  });

  it("takes a flag before an own variable before a known variable before the file", () => {
    const text = "observability: {log_level: trace}\n";
    const level = (sources: Partial<ConfigSources>) => good({ text, ...sources }).observability.logLevel;
    const flags = { "observability.log_level": "fatal" };
    expect(level({})).toBe("trace");
    expect(level({ env: { LOG_LEVEL: "debug" } })).toBe("debug");
    expect(level({ env: { LOG_LEVEL: "debug", HANZO_FN_OBSERVABILITY_LOG_LEVEL: "warn" } })).toBe("warn");
    expect(level({ env: { HANZO_FN_OBSERVABILITY_LOG_LEVEL: "warn" }, flags })).toBe("fatal");
  });

  it("types what comes from the environment", () => {
    const env = {
      HANZO_FN_SERVER_API_PORT: "9000",
      HANZO_FN_AUTH_OWNER_FALLBACK: "false",
      HANZO_FN_LIMITS_MAX_BODY_BYTES: "1Gi",
      HANZO_FN_LIMITS_QUEUE_TIMEOUT: "5",
      HANZO_FN_OBSERVABILITY_TRACE_SAMPLING: "0.5",
      HANZO_FN_PLANES: "proxy",
      IAM_ISSUER: "https://hanzo.id, https://lux.id",
      HANZO_FN_AUTH_ROLES: "{owner: ['functions:*']}",
    };
    const config = good({ env });
    expect(config.server.apiPort).toBe(9000);
    expect(config.auth).toMatchObject({
      ownerFallback: false,
      issuers: ["https://hanzo.id", "https://lux.id"],
      roles: { owner: ["functions:*"] },
    });
    expect(config.limits).toMatchObject({ maxBodyBytes: 2 ** 30, queueTimeoutMs: 5000 });
    expect(config.observability.traceSampling).toBe(0.5);
    expect(config.planes).toEqual(["proxy"]);
  });

  it("takes an empty variable for none", () => {
    expect(good({ env: { LOG_LEVEL: "", HANZO_FN_SERVER_API_PORT: "" } }).server.apiPort).toBe(8060);
  });

  it("keeps text that looks like a number as text", () => {
    expect(good({ env: { KMS_PROJECT: "123" } }).secrets.project).toBe("123");
  });
});

describe("variables in the file", () => {
  it("are replaced, typed, and may have a default", () => {
    const text = "server: {api_port: '${P}', host: '${H:-1.2.3.4}'}\nbuilds: {npm: '${DIR}/npm$$1'}\n";
    const config = good({ text, env: { P: "9000", DIR: "/opt" } });
    expect(config.server).toMatchObject({ apiPort: 9000, host: "1.2.3.4" });
    expect(config.builds.npm).toBe("/opt/npm$1");
  });

  it("remove their key with a warning where they are not set", () => {
    const { config, warnings, problems } = load({ text: "server:\n  api_port: ${P}\n" });
    expect(problems).toEqual([]);
    expect(config.server.apiPort).toBe(8060);
    expect(warnings).toEqual([
      {
        path: "server.api_port",
        line: 2,
        column: 13,
        value: "${P}",
        rule: "is left out, because ${P} is not set",
      },
    ]);
  });

  it("remove a whole list item", () => {
    const { config } = load({ text: "auth: {issuers: ['${A}', '${B}']}", env: { B: "https://b.example" } });
    expect(config.auth.issuers).toEqual(["https://b.example"]);
  });

  it("fail where they leave out what is required", () => {
    const text = "secrets: {url: 'https://kms.example', client_id: x, client_secret: '${S}'}";
    expect(problems({ text })).toEqual(["secrets.client_secret: is required where secrets come from a KMS"]);
    expect(problems({ text, env: { S: "s3cr3t" } })).toEqual([]);
  });

  it("must be well formed", () => {
    expect(problems({ text: "data_dir: '${X'" })).toEqual([
      "data_dir: has a variable that is not written as ${NAME} or ${NAME:-default}",
    ]);
  });
});

describe("mistakes", () => {
  it("are all reported, with line, column and suggestion", () => {
    const text = `server:
  api_prt: 1
  invoke_port: 99999
limits: {queue_timeout: soon}
log_level: warn
planes: [api, prxy]
database: {url: mysql://x}
`;
    expect(
      load({ text }).problems.map(({ path, line, column, suggestion }) => [path, line, column, suggestion]),
    ).toEqual([
      ["server.api_prt", 2, 3, "did you mean `api_port`?"],
      ["server.invoke_port", 3, 16, undefined],
      ["limits.queue_timeout", 4, 25, undefined],
      ["log_level", 5, 1, "did you mean `observability.log_level`?"],
      ["planes[1]", 6, 15, "did you mean `proxy`?"],
      ["database.url", 7, 17, undefined],
    ]);
  });

  it("name the variable or flag they came from", () => {
    expect(problems({ env: { HANZO_FN_LIMITS_QUEUE_DEPTH: "lots" } })).toEqual([
      "limits.queue_depth: must be a whole number (set by HANZO_FN_LIMITS_QUEUE_DEPTH)",
    ]);
    expect(problems({ flags: { "server.api_port": "x" } })).toEqual([
      "server.api_port: must be a whole number (set by flag server.api_port)",
    ]);
    expect(load({ flags: { "server.api_prt": "1" } }).problems).toEqual([
      { path: "server.api_prt", rule: "is not a known key", suggestion: "did you mean `server.api_port`?" },
    ]);
  });

  it.each([
    ["engine: knative", "images.registry: is required with engine knative: function images are pushed there"],
    [
      "engine: knative\nimages: {registry: r.example}\nserver: {invoke_port: 0}",
      "server.invoke_port: must be a port with engine knative: the cluster is told where the proxy listens",
    ],
    [
      "planes: [events]",
      "planes: this build does not serve the plane events apart: api and proxy do together",
    ],
    ["planes: []", "planes: needs at least 1 entry"],
    [
      "{planes: [api, proxy, layer], layer: {port: 8060}}",
      "layer.port: must differ from api_port, which is 8060 too",
    ],
    [
      "{planes: [api, proxy, layer], layer: {auth: none}}",
      "layer.auth: may be none only where server.host is an address of the loopback: anybody could read and write",
    ],
    ["server: {api_port: 8061}", "server.invoke_port: must differ from api_port, which is 8061 too"],
    ["server: 5", "server: must be a map of fields"],
    ["local: {panic_window: 2m}", "local.panic_window: must be at most stable_window, which is 1m"],
    [
      "runtimes: {python: {default_timeout: 20s, max_timeout: 10s}}",
      "runtimes.python.default_timeout: must be at most max_timeout, which is 10s",
    ],
    ["runtimes: {python: {max_timeout: 1h}}", "runtimes.python.max_timeout: must be at most 15m"],
    ["runtimes: {java: {max_timeout: 1h}}", "runtimes.java: is not a known key"],
    ["limits: {max_unpacked_bytes: 1Mi}", "limits.max_unpacked_bytes: must be at least max_source_bytes"],
    ["observability: {trace_sampling: 2}", "observability.trace_sampling: must be a number from 0 to 1"],
    ["auth: {roles: {owner: [deploy]}}", "auth.roles: deploy is no permission"],
    ["auth: {issuers: [hanzo.id]}", "auth.issuers[0]: must be a URL that begins with https:// or http://"],
    ["secrets: {provider: infisical}", "secrets.url: is required where secrets come from a KMS"],
    ["a: 1\na: 2", "a: is given twice"],
    ["[", ": is not valid YAML"],
  ])("`%s` is refused", (text, problem) => {
    expect(
      load({ text })
        .problems.map((item) => `${item.path ?? ""}: ${item.rule}`)
        .join("\n"),
    ).toContain(problem);
  });

  it("leave the default in place, so that the rest can still be checked", () => {
    expect(load({ text: "server: {api_port: x}" }).config.server.apiPort).toBe(8060);
  });

  it("of 10 MB are refused before parsing", () => {
    expect(problems({ text: `# ${"x".repeat(10_000_000)}` })[0]).toContain("must be at most 1048576 bytes");
  });
});

describe("what functions' services stand on", () => {
  it("comes from the variables of the standard and of the neighbours", () => {
    const env = {
      VALKEY_URL: "redis://:x@kv:6379/0",
      OBJECT_STORAGE_URL: "http://minio:9000",
      MINIO_ROOT_USER: "minio",
      MINIO_ROOT_PASSWORD: "pw",
      NATS_URL: "nats://nats:4222",
      KAFKA_BROKERS: "a:9092,b:9092",
      KAFKA_TLS: "true",
    };
    const { kv, storage, triggers } = good({ env });
    expect(kv.url?.reveal()).toBe(env.VALKEY_URL);
    expect(storage).toMatchObject({ url: env.OBJECT_STORAGE_URL, accessKey: "minio", region: "us-east-1" });
    expect(storage.secretKey?.reveal()).toBe("pw");
    expect(triggers.nats.url?.reveal()).toBe(env.NATS_URL);
    expect(triggers.kafka).toMatchObject({ brokers: ["a:9092", "b:9092"], tls: true });
  });

  it("has its sections also where nothing is configured", () => {
    const { gateway, models, triggers } = good({});
    expect([gateway, models, triggers.nats.credentials, triggers.kafka.sasl]).toEqual([{}, {}, {}, {}]);
  });

  it("has both halves of a login, or none", () => {
    expect(problems({ env: { KAFKA_SASL_USERNAME: "u" } })).toEqual([
      "triggers.kafka.sasl.password: is required beside username",
    ]);
    expect(problems({ env: { KAFKA_SASL_USERNAME: "u", KAFKA_SASL_PASSWORD: "p" } })).toEqual([]);
  });

  it("comes from the more specific variable where there are several", () => {
    const env = {
      KV_URL: "redis://a",
      REDIS_URL: "redis://b",
      AWS_ACCESS_KEY_ID: "aws",
      MINIO_ROOT_USER: "m",
    };
    const { kv, storage } = good({ env });
    expect(kv.url?.reveal()).toBe("redis://a");
    expect(storage.accessKey).toBe("aws");
  });
});

describe("secrets in the configuration", () => {
  const planted = "pl4nted-v4lue";

  it("are Secret values", () => {
    const config = good({ env: { DATABASE_URL: `postgres://u:${planted}@db/x` } });
    expect(config.database.url).toBeInstanceOf(Secret);
    expect(config.database.url?.reveal()).toContain(planted);
    expect(JSON.stringify(config)).not.toContain(planted);
  });

  it.each([
    { env: { DATABASE_URL: `mysql://u:${planted}@db/x` } },
    { text: `database: {url: "mysql://u:${planted}@db/x"}` },
    { text: "database: {url: '${X}'}", env: { X: `mysql://${planted}` } },
    { flags: { "database.url": `mysql://${planted}` } },
    { text: `triggers: {nats: {url: "http://u:${planted}@nats"}}` },
    { env: { NATS_URL: planted, KV_URL: planted } },
    { text: `storage: {secret_key: [${planted}]}` },
    { text: "server: {api_port: '${X}'}", env: { X: planted } },
  ])("are in no problem and no warning: %j", (sources) => {
    const { warnings, problems } = load(sources);
    expect(warnings.length + problems.length).toBeGreaterThan(0);
    expect(JSON.stringify([warnings, problems])).not.toContain(planted);
  });
});

describe("keys of later releases", () => {
  it("have no effect, warn in the file and are quiet at their default in the environment", () => {
    expect(load({ text: "snapshots: {enabled: true}" }).warnings).toMatchObject([
      { path: "snapshots.enabled", line: 1, rule: "has no effect in this release" },
    ]);
    expect(load({ env: { GPU_POOL_ENABLED: "false" } })).toMatchObject({ warnings: [], problems: [] });
    expect(load({ env: { GPU_POOL_ENABLED: "true" } }).warnings).toHaveLength(1);
  });

  it.each([
    "gpu_pool: {size: 5}",
    "ingress: {enabled: true}",
    "snapshots: {max_age: 1d}",
    "runtimes: {python: {gpu_image: other}}",
  ])("refuse `%s`", (text) => {
    expect(load({ text }).problems.map((item) => item.rule)).toEqual([
      "belongs to a later release: only its default is accepted",
    ]);
  });

  it("are checked for their type all the same", () => {
    expect(problems({ text: "gpu_pool: {size: many}" })).toEqual(["gpu_pool.size: must be a whole number"]);
  });
});

describe("keys of the engine `knative`", () => {
  it("are checked, typed, and warned of where the local engine is chosen", () => {
    const text = "knative: {namespace: fns, egress: {ports: [443]}, gpu: {node_selector: {pool: gpu}}}";
    const { config, problems: none, warnings } = load({ text });
    expect(none).toEqual([]);
    expect(config.knative).toMatchObject({ namespace: "fns", egress: { ports: [443] } });
    expect(config.knative.gpu.nodeSelector).toEqual({ pool: "gpu" });
    expect(warnings.map(({ path, rule }) => `${path}: ${rule}`)).toEqual([
      "knative.namespace: has no effect with the local engine",
      "knative.egress.ports: has no effect with the local engine",
      "knative.gpu.node_selector: has no effect with the local engine",
    ]);
  });

  it("come from variables too", () => {
    const env = {
      HANZO_FN_KNATIVE_EGRESS_PORTS: "443,8443",
      KUBECONFIG: "/k",
      HANZO_FN_KNATIVE_CPU_LIMIT: "0",
    };
    const { knative } = good({ env });
    expect([knative.egress.ports, knative.kubeconfig, knative.cpuLimit]).toEqual([[443, 8443], "/k", 0]);
  });

  it("name the images that functions stand on, and whom they are trusted from", () => {
    const digest = `sha256:${"0".repeat(64)}`;
    const images = `{registry: "r.local/fns", base_digests: {go: "${digest}"}, signing_keys: [/a.pub]}`;
    const text = `images: ${images}\nruntimes: {go: {image: "r.local/go:1"}}`;
    const { config, problems: none, warnings } = load({ text });
    expect(none).toEqual([]);
    expect(config.images).toEqual({
      ...{ registry: "r.local/fns", signingKeys: ["/a.pub"] },
      baseDigests: { go: digest },
    });
    expect([config.runtimes.go.image, config.runtimes.rust.image]).toEqual(["r.local/go:1", undefined]);
    expect(warnings.map(({ path }) => path)).toEqual([
      "images.registry",
      "images.base_digests.go",
      "images.signing_keys",
      "runtimes.go.image",
    ]);
    const wrong = "images: {base_digests: {go: latest, java: x}}";
    expect(problems({ text: wrong })).toEqual([
      "images.base_digests.go: must be sha256: and 64 hexadecimal digits",
      "images.base_digests.java: is not a known key",
    ]);
  });

  it.each([
    [
      "{namespace: Fns}",
      "knative.namespace: must be lower-case letters, digits and hyphens, beginning with a letter",
    ],
    ["{namespace: a--b}", "knative.namespace: must not hold two hyphens in a row"],
    [
      "{namespace: abcdefghijklmnopqrstuvwxyzabc}",
      "knative.namespace: must have at most 28 characters, this has 29",
    ],
    ["{platform_addresses: [db.example]}", "knative.platform_addresses[0]: must be an IP address"],
    ["{cpu_limit: lots}", "knative.cpu_limit: must be a Kubernetes CPU quantity, such as 1 or 500m, or 0"],
    ["{egress: {ports: [0]}}", "knative.egress.ports[0]: must be a port from 1 to 65535"],
    [
      "{gpu: {tolerations: ['a:Never']}}",
      "knative.gpu.tolerations[0]: must be a taint such as nvidia.com/gpu:NoSchedule",
    ],
    [
      "{gpu: {node_selector: [a]}}",
      "knative.gpu.node_selector: must be a map from label to text of at most 63 letters, digits, `.`, `_` and `-`",
    ],
  ])("`knative: %s` is refused", (text, problem) => {
    expect(problems({ text: `knative: ${text}` })).toEqual([problem]);
  });
});
