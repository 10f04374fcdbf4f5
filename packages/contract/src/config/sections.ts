import { bytes, choice, duration, flag, integer, text } from "../document/leaves.ts";
import { LOG_LEVELS } from "../logs.ts";
import {
  field,
  listOf,
  milliseconds,
  optional,
  secret,
  size,
  type DefaultContext,
  type Output,
} from "./field.ts";
import { EVENTS } from "./events.ts";
import { KNATIVE } from "./knative.ts";
import { IMAGES } from "./images.ts";
import { LATER, LATER_RUNTIME } from "./later.ts";
import { databaseUrl, fraction, hidden, many, roles, url, words } from "./leaves.ts";
import { SERVICES } from "./services.ts";

const port = () => integer(0, 65_535);
const count =
  (max: number, min = 1) =>
  () =>
    integer(min, max);
const wait = (maxMs?: number) => () => duration(maxMs === undefined ? { minMs: 1 } : { minMs: 1, maxMs });

function dataDir({ env }: DefaultContext): string {
  if (env["XDG_DATA_HOME"]) return `${env["XDG_DATA_HOME"]}/hanzo-fn`;
  return env["HOME"] ? `${env["HOME"]}/.local/share/hanzo-fn` : "./.hanzo-fn";
}

/** Without any configuration this is somebody's own machine, and the platform listens for nobody else. */
function host({ configured }: DefaultContext): string {
  return configured ? "0.0.0.0" : "127.0.0.1";
}

function runtime(name: string, image: string, gpuImage?: string) {
  return {
    image: optional(() => words(512), {
      description: `Image that ${name} functions stand on in a cluster, \`host/repository:tag\`. Default: \`${image}\` below \`images.registry\`.`,
    }),
    ...LATER_RUNTIME(gpuImage),
    default_timeout: milliseconds(wait(900_000), {
      fallback: "60s",
      description: `Timeout of ${name} functions that name none.`,
    }),
    max_timeout: milliseconds(wait(900_000), {
      fallback: "900s",
      description: `Longest timeout a ${name} function may ask for; never above 900s.`,
    }),
  };
}

/** Every key of `config.yaml` (HIP-60, Configuration, and our own sections). */
export const SECTIONS = {
  engine: field(() => choice(["auto", "local", "knative"]), {
    fallback: "auto",
    description:
      "What runs functions: `local` processes, or `knative`, a cluster; `auto` takes the cluster where the platform runs in a pod and `images.registry` is set.",
  }),
  planes: listOf(() => many(() => choice(["api", "proxy", "events", "layer"]), 1), {
    fallback: ["api", "proxy"],
    description:
      "The parts that run in this process: `api` and `proxy`, which serve events as well, and `layer`, the data plane.",
  }),
  data_dir: field(() => words(4096), {
    fallback: dataDir,
    description:
      "Directory of the embedded database, blobs, working copies and keys. Default `$XDG_DATA_HOME/hanzo-fn`, else `~/.local/share/hanzo-fn`.",
  }),
  server: {
    host: field(() => words(253), {
      fallback: host,
      description: "Address to listen on. Default 127.0.0.1 without a file or DATABASE_URL, else 0.0.0.0.",
    }),
    api_port: field(port, { fallback: 8060, description: "Port of the control plane; 0 takes a free one." }),
    invoke_port: field(port, {
      fallback: 8061,
      description: "Port of the invocation proxy; 0 takes a free one.",
    }),
    metrics_port: field(port, {
      fallback: 9060,
      description: "Port of metrics and health; 0 takes a free one.",
    }),
  },
  database: {
    url: secret(databaseUrl, {
      env: ["DATABASE_URL"],
      description: "PostgreSQL to use; without it an embedded one is started in the data directory.",
    }),
    max_connections: field(count(1000), { fallback: 20, description: "Connections of this process." }),
  },
  auth: {
    builtin_issuer: optional(flag, {
      description:
        "Accept tokens of the platform's own issuer. Default: only where no other issuer is configured.",
    }),
    org: field(
      () => text({ pattern: /^[A-Za-z0-9][A-Za-z0-9._-]*$/, rule: "must be an organisation id", max: 63 }),
      {
        fallback: "local",
        description: "Organisation of the built-in issuer's admin key.",
      },
    ),
    issuers: listOf(() => many(() => url(["https", "http"])), {
      fallback: [],
      env: ["IAM_ISSUER"],
      description: "Issuers whose tokens are accepted, compared with `iss` exactly.",
    }),
    url: optional(() => url(["https", "http"]), {
      env: ["IAM_URL"],
      description: "Where discovery is found, if not at the issuer itself.",
    }),
    jwks_url: optional(() => url(["https", "http"]), {
      env: ["IAM_KEYS_URL"],
      description: "Key set to use instead of the discovered one.",
    }),
    audience: listOf(() => many(() => words(512)), {
      fallback: [],
      env: ["IAM_AUDIENCE"],
      description: "Accepted audiences; the claim is checked only where one is given.",
    }),
    owner_fallback: field(flag, {
      fallback: true,
      description: "Take `owner` as the organisation of a token without `orgs`.",
    }),
    introspection: {
      url: optional(() => url(["https", "http"]), {
        description: "Where API keys of others are looked up (RFC 7662).",
      }),
      client_id: optional(() => words(512), {
        env: ["IAM_CLIENT_ID"],
        description: "Client id for introspection.",
      }),
      client_secret: secret(hidden, {
        env: ["IAM_CLIENT_SECRET"],
        description: "Client secret for introspection.",
      }),
    },
    roles: optional(roles, {
      description:
        "Permissions of the roles in `orgs[].role`. Default: owner and admin `functions:*`, member read and invoke.",
    }),
  },
  secrets: {
    provider: field(() => choice(["auto", "file", "infisical"]), {
      fallback: "auto",
      env: ["KMS_PROVIDER"],
      description:
        "Where functions' secrets come from; `auto` is `infisical` (HIP-27) where a URL is set, else an encrypted file.",
    }),
    url: optional(() => url(["https", "http"]), {
      env: ["KMS_URL", "KMS_ENDPOINT"],
      description: "Base URL of the KMS.",
    }),
    client_id: optional(() => words(512), { env: ["KMS_CLIENT_ID"], description: "Client id at the KMS." }),
    client_secret: secret(hidden, { env: ["KMS_CLIENT_SECRET"], description: "Client secret at the KMS." }),
    env: field(() => words(128), {
      fallback: "prod",
      env: ["KMS_ENV"],
      description: "Environment slug at the KMS.",
    }),
    project: optional(() => words(128), {
      env: ["KMS_PROJECT"],
      description: "Project slug at the KMS. Default: the organisation.",
    }),
  },
  limits: {
    max_body_bytes: size(() => bytes({ min: 1 }), {
      fallback: "256Mi",
      description: "Longest request body; beyond it 413.",
    }),
    max_head_bytes: size(() => bytes({ min: 1024, max: 2 ** 20 }), {
      fallback: "64Ki",
      description: "Longest request or response head; beyond it 431.",
    }),
    queue_timeout: milliseconds(wait(900_000), {
      fallback: "60s",
      description: "How long a call waits for an instance; then 503.",
    }),
    queue_depth: field(count(100_000, 0), {
      fallback: 1000,
      description: "Calls that wait per revision; one more gets 503.",
    }),
    max_source_bytes: size(() => bytes({ min: 1024 }), {
      fallback: "256Mi",
      description: "Longest source archive.",
    }),
    max_unpacked_bytes: size(() => bytes({ min: 1024 }), {
      fallback: "512Mi",
      description: "All files of a source together.",
    }),
    max_entries: field(count(1_000_000), { fallback: 20_000, description: "Files and folders in a source." }),
    max_manifest_bytes: size(() => bytes({ min: 1024, max: 16 * 2 ** 20 }), {
      fallback: "1Mi",
      description: "Longest function.yaml.",
    }),
    log_bytes_per_function: size(() => bytes({ min: 65_536 }), {
      fallback: "16Mi",
      description: "Stored log lines per function; the oldest go first.",
    }),
    head_timeout: milliseconds(wait(), {
      fallback: "10s",
      description: "How long a client may take for a request head; then 408.",
    }),
    body_idle_timeout: milliseconds(wait(), {
      fallback: "30s",
      description: "How long a client may send nothing within a body; then 408.",
    }),
    keep_alive_timeout: milliseconds(wait(), {
      fallback: "75s",
      description: "How long an idle client connection is kept.",
    }),
    max_connections: field(count(1_000_000), {
      fallback: 10_000,
      description: "Client connections of the invocation proxy.",
    }),
  },
  local: {
    max_instances: field(count(10_000), {
      fallback: 100,
      description: "Instances of all functions on this machine.",
    }),
    warm_workers: field(count(100, 0), {
      fallback: 1,
      description: "Started interpreters kept ready per runtime.",
    }),
    stable_window: milliseconds(() => duration({ minMs: 6000, maxMs: 3_600_000 }), {
      fallback: "60s",
      description: "Time over which scaling averages the load.",
    }),
    panic_window: milliseconds(() => duration({ minMs: 1000, maxMs: 3_600_000 }), {
      fallback: "6s",
      description: "Time over which a burst is noticed; at most the stable window.",
    }),
    scale_to_zero_grace: milliseconds(() => duration({ maxMs: 3_600_000 }), {
      fallback: "30s",
      description: "Time between the decision for zero instances and zero.",
    }),
    python: optional(() => words(4096), {
      description: "Python interpreter (3.10 to 3.14). Default: `python3` on the PATH.",
    }),
    node: optional(() => words(4096), {
      description: "Node interpreter (22 to 24). Default: the one that runs the platform.",
    }),
    uid_base: optional(() => integer(1000, 4_000_000_000), {
      description:
        "First user id of instances, where the platform is root. Default: one unprivileged user for all.",
    }),
    uid_count: field(count(65_536), {
      fallback: 1000,
      description: "How many user ids from `uid_base` belong to instances.",
    }),
    load_timeout: milliseconds(wait(900_000), {
      fallback: "30s",
      description: "How long a function's code may take to load.",
    }),
    drain_timeout: milliseconds(wait(900_000), {
      fallback: "30s",
      description: "How long running calls may go on when the platform stops.",
    }),
  },
  builds: {
    timeout: milliseconds(wait(3_600_000), {
      fallback: "10m",
      description: "How long installing dependencies may take.",
    }),
    max_memory_bytes: size(() => bytes({ min: 2 ** 26 }), {
      fallback: "4Gi",
      description: "Resident memory of one command of a build with its children; more ends it.",
    }),
    max_disk_bytes: size(() => bytes({ min: 2 ** 26 }), {
      fallback: "4Gi",
      description: "What one command of a build may write; more ends it.",
    }),
    cache: optional(() => words(4096), {
      env: ["HANZO_FN_BUILD_CACHE"],
      description:
        "Folder for what compilers and package managers keep between builds. Default: `cache` in the data directory.",
    }),
    npm: field(() => words(4096), {
      fallback: "npm",
      description: "Command that installs TypeScript dependencies.",
    }),
    pip: optional(() => words(4096), {
      description: "Command that installs Python dependencies. Default: `pip` of the Python interpreter.",
    }),
  },
  runtimes: {
    python: runtime("Python", "fn-python:3.12", "ghcr.io/hanzoai/fn-python:3.12-cuda"),
    go: runtime("Go", "fn-go:1.22"),
    rust: runtime("Rust", "fn-rust:1.77", "ghcr.io/hanzoai/fn-rust:1.77-cuda"),
    typescript: runtime("TypeScript", "fn-typescript:22"),
  },
  observability: {
    log_level: field(() => choice(LOG_LEVELS), {
      fallback: "info",
      env: ["LOG_LEVEL"],
      description: "Least severe level that is logged.",
    }),
    trace_sampling: field(fraction, {
      fallback: 0.1,
      description: "Share of requests that are traced, where the caller did not decide.",
    }),
    metrics_namespace: field(
      () =>
        text({ pattern: /^[a-zA-Z_][a-zA-Z0-9_]*$/, rule: "must be a Prometheus metric prefix", max: 64 }),
      { fallback: "hanzo_fn", description: "Prefix of metric names." },
    ),
    otlp_endpoint: optional(() => url(["https", "http"]), {
      env: ["OTEL_EXPORTER_OTLP_ENDPOINT"],
      description: "OTLP/HTTP collector that sampled spans are sent to.",
    }),
    environment: field(() => words(64), { fallback: "development", description: "`env` of every log line." }),
  },
  ...SERVICES,
  events: EVENTS,
  knative: KNATIVE,
  images: IMAGES,
  ...LATER,
} as const;

export type Config = Output<typeof SECTIONS>;
