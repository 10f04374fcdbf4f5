import { leaf, refuse, type Leaf } from "../document/leaf.ts";
import { bytes, choice, cpu, duration, flag, integer, text } from "../document/leaves.ts";
import { parseCpu } from "../document/quantity.ts";
import { field, listOf, milliseconds, optional, size } from "./field.ts";
import { labels, many, words } from "./leaves.ts";

const SECOND = 1000;
const wait = () => duration({ minMs: SECOND, maxMs: 3_600_000, wholeSeconds: true });

/** Knative adds suffixes to names, and an organisation's name follows this one: 28 characters leave room for both. */
const prefix = () =>
  text({
    pattern: /^[a-z]([a-z0-9-]*[a-z0-9])?$/,
    rule: "must be lower-case letters, digits and hyphens, beginning with a letter",
    max: 28,
    check: (value) => (value.includes("--") ? "must not hold two hyphens in a row" : undefined),
  });

const label = () =>
  text({
    pattern: /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/,
    rule: "must be lower-case letters, digits and hyphens",
    max: 63,
  });

const domain = () =>
  text({
    pattern: /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/,
    rule: "must be a domain such as fn.example.com",
  });

const address = () =>
  text({
    pattern: /^(\d{1,3}\.){3}\d{1,3}$|^[0-9a-fA-F:]*:[0-9a-fA-F:.]+$/,
    rule: "must be an IP address",
    max: 45,
  });

const taint = () =>
  text({
    pattern: /^[A-Za-z0-9._/-]+(=[A-Za-z0-9._-]*)?(:(NoSchedule|PreferNoSchedule|NoExecute))?$/,
    rule: "must be a taint such as nvidia.com/gpu:NoSchedule",
  });

/** Thousandths of a core; 0 is allowed, unlike in a request. */
function cpuOrNone(): Leaf<number> {
  return leaf<number>({
    json: { type: ["string", "number"], pattern: "^[0-9]+(\\.[0-9]{1,3})?m?$", examples: ["1", "500m", 0] },
    parse: (value) =>
      (typeof value === "string" || typeof value === "number" ? parseCpu(String(value)) : undefined) ??
      refuse("must be a Kubernetes CPU quantity, such as 1 or 500m, or 0"),
  });
}

/** As text too, since a list from a variable is one of texts. */
function portNumber(): Leaf<number> {
  return leaf<number>({
    json: { type: "integer", minimum: 1, maximum: 65_535 },
    parse(value) {
      const port = typeof value === "string" && /^\d{1,5}$/.test(value) ? Number(value) : value;
      const fits = typeof port === "number" && Number.isInteger(port) && port >= 1 && port <= 65_535;
      return fits ? port : refuse("must be a port from 1 to 65535");
    },
  });
}

/** Functions as Knative Services (HIP-60, `knative`, and our own keys); read by `engine: knative` alone. */
export const KNATIVE = {
  kubeconfig: optional(() => words(4096), {
    env: ["KUBECONFIG"],
    description: "Kubernetes client configuration. Default: the pod's own account.",
  }),
  namespace: field(prefix, {
    fallback: "hanzo-functions",
    description:
      "Namespace of the home organisation's functions; `<namespace>-<organisation>` for the others.",
  }),
  home_org: optional(() => words(128), {
    description: "Organisation whose functions lie in `namespace` itself. Default: `auth.org`.",
  }),
  domain: field(domain, {
    fallback: "fn.hanzo.ai",
    description: "Domain of the functions' Knative Services.",
  }),
  system_namespace: field(label, {
    fallback: "knative-serving",
    description: "Namespace of Knative Serving's own programs.",
  }),
  platform_namespace: field(label, {
    fallback: "hanzo",
    description: "Namespace of the platform's own objects, among them the gateway's Service.",
  }),
  cluster_domain: field(domain, { fallback: "cluster.local", description: "DNS domain of the cluster." }),
  ingress: field(() => choice(["native", "external"]), {
    fallback: "native",
    description:
      "`native`: the invocation proxy is the cluster's ingress for functions. `external`: another one is (Kourier, Contour), and the proxy sends through it.",
  }),
  ingress_class: field(domain, {
    fallback: "functions.ingress.networking.knative.dev",
    description: "Ingress class that the proxy serves where `ingress` is `native`.",
  }),
  platform_addresses: listOf(() => many(address), {
    fallback: [],
    description:
      "Addresses where the platform runs, as pods see them: where the gateway is, and who may reach pods besides Knative.",
  }),
  gateway_port: field(() => integer(1, 65_535), {
    fallback: 8062,
    description: "Port of the gateway for pods.",
  }),
  cold_start_budget: milliseconds(wait, {
    fallback: "60s",
    description: "Time for a cold start that Knative's timeout has beyond the function's own.",
  }),
  progress_deadline: milliseconds(wait, {
    fallback: "2m",
    description: "How long a new revision may take to become ready.",
  }),
  cpu_limit: field(cpuOrNone, {
    fallback: "1",
    description: "Least CPU limit of a function, whatever its request: a cold start needs it. 0: no limit.",
  }),
  tmp_bytes: size(() => bytes({ min: 1 }), {
    fallback: "512Mi",
    description: "Size of `/tmp` in an instance.",
  }),
  pod_security: field(() => choice(["privileged", "baseline", "restricted"]), {
    fallback: "restricted",
    description: "Pod Security level that is enforced in the functions' namespaces.",
  }),
  runtime_class: optional(label, { description: "Runtime class of functions, for example gVisor's." }),
  zero_initial_scale: field(flag, {
    fallback: false,
    description:
      "Whether the cluster lets revisions begin with no instance (`allow-zero-initial-scale`): GPU functions then need no free GPU to be deployed.",
  }),
  gpu: {
    runtime_class: optional(label, { description: "Runtime class of GPU functions." }),
    node_selector: field(labels, {
      fallback: { "nvidia.com/gpu.present": "true" },
      description: "Labels of nodes that GPU functions run on.",
    }),
    tolerations: listOf(() => many(taint), {
      fallback: ["nvidia.com/gpu:NoSchedule"],
      description: "Taints of GPU nodes that GPU functions tolerate: `key[=value][:effect]`.",
    }),
    cold_start_budget: milliseconds(wait, {
      fallback: "5m",
      description: "As `cold_start_budget`, for GPU functions.",
    }),
    progress_deadline: milliseconds(wait, {
      fallback: "20m",
      description: "As `progress_deadline`, for GPU functions: a node may have to be made first.",
    }),
  },
  egress: {
    namespace_label: field(
      () =>
        text({ pattern: /^[A-Za-z0-9._/-]+=[A-Za-z0-9._-]*$/, rule: "must be a label such as name=hanzo" }),
      {
        fallback: "name=hanzo",
        description: "Label of the namespaces whose services functions may reach (HIP-60, Network Policies).",
      },
    ),
    ports: listOf(() => many(portNumber), {
      fallback: [4222, 9092, 6379, 9000, 5432],
      description: "Ports of those services: NATS, Kafka, Valkey, MinIO, PostgreSQL.",
    }),
    external: field(() => choice(["ports", "none"]), {
      fallback: "ports",
      description:
        "What `network.egress` of a function opens: `ports` opens the ports of its origins to all public addresses, since network policies know no names; `none` opens origins that are addresses, and no others.",
    }),
  },
  quota: {
    cpu: optional(() => cpu(), { description: "CPU that all instances of one organisation may request." }),
    memory: optional(() => bytes({ min: 1 }), {
      description: "Memory that all instances of one organisation may request.",
    }),
    gpus: optional(() => integer(0, 10_000), { description: "GPUs of all instances of one organisation." }),
    pods: optional(() => integer(1, 100_000), { description: "Instances of one organisation." }),
  },
  retention: {
    revisions: field(() => integer(1, 1000), {
      fallback: 10,
      description: "Revisions of a function that the cluster keeps besides those with traffic.",
    }),
    min_age: milliseconds(() => duration(), {
      fallback: "24h",
      description: "Revisions and images younger than this are kept.",
    }),
  },
} as const;
