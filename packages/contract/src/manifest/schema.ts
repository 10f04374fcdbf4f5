import type { z } from "zod";
import { leaf, refuse, type Leaf } from "../document/leaf.ts";
import { bytes, choice, cpu, described, duration, flag, integer, text } from "../document/leaves.ts";
import { once, zod } from "../document/lazy.ts";
import { mqSubject } from "./triggers/delivery.ts";
import { TRIGGER_KINDS } from "./triggers/index.ts";
import { gpu } from "./gpu.ts";
import { RUNTIMES } from "./types.ts";

export const MAX_TIMEOUT_MS = 900_000;

/** DNS-1035, so that a name can be a Kubernetes Service; 40 characters leave room for pod names (HIP-60 says "alphanumeric"). */
export const nameLeaf = once(() =>
  text({
    pattern: /^[a-z]([a-z0-9-]*[a-z0-9])?$/,
    rule: "must be lower-case letters, digits and hyphens, starting with a letter and not ending with a hyphen",
    max: 40,
    suggest: (value) => {
      const clean = value
        .toLowerCase()
        .replaceAll(/[^a-z0-9-]+/g, "-")
        .replaceAll(/^[^a-z]+|-+$/g, "")
        .slice(0, 40);
      return clean === "" ? undefined : `for example ${clean}`;
    },
  }),
);

const SEMVER =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?$/;

function version(): Leaf<string> {
  const rule = "must be a semantic version such as 1.0.0";
  return leaf<string>({
    json: { type: "string", pattern: SEMVER.source, examples: ["1.0.0"] },
    parse(value) {
      if (typeof value === "string" && value.length <= 128 && SEMVER.test(value)) return value;
      const parts = /^v?(\d+)(?:\.(\d+))?(?:\.(\d+))?$/.exec(String(value));
      const suggestion = parts === null ? undefined : `write ${parts[1]}.${parts[2] ?? 0}.${parts[3] ?? 0}`;
      return refuse(rule, suggestion);
    },
  });
}

export const timeoutLeaf = once(() => duration({ minMs: 1, maxMs: MAX_TIMEOUT_MS }));
export const concurrencyLeaf = once(() => integer(1, 1000));
export const gpuLeaf = once(gpu);

function resources() {
  const { z } = zod();
  return z.strictObject({
    cpu: described(cpu().prefault("250m"), "CPU request, as a Kubernetes quantity."),
    memory: described(
      bytes({ min: 16 * 2 ** 20 }).prefault("256Mi"),
      "Memory request and limit, as a Kubernetes quantity; an instance above it is ended as `out_of_memory`.",
    ),
    gpu: described(gpuLeaf(), "GPU request; leave it out for a CPU function.").optional(),
    timeout: described(
      timeoutLeaf(),
      "Longest execution time, counted from the hand-over to an instance. Default 60s, at most 900s; the platform's configuration may set other values per runtime.",
    ).optional(),
    concurrency: described(
      concurrencyLeaf(),
      "Most concurrent requests per instance. Default 10, or 1 with a GPU.",
    ).optional(),
  });
}

function scaling() {
  const { z } = zod();
  return z.strictObject({
    min_instances: described(integer(0, 1000).prefault(0), "Fewest instances; 0 scales to zero."),
    max_instances: described(integer(1, 1000).prefault(10), "Most instances."),
    target_concurrency: described(
      integer(1, 1000).prefault(1),
      "Concurrent requests per instance that scaling aims at; at most `resources.concurrency`.",
    ),
    scale_down_delay: described(
      duration({ maxMs: 3_600_000, wholeSeconds: true }).prefault("300s"),
      "How long instances are kept before scaling down.",
    ),
  });
}

export const variableName = once(() =>
  text({
    pattern: /^[A-Za-z_][A-Za-z0-9_]*$/,
    rule: "must be a variable name of letters, digits and `_`, not starting with a digit",
    max: 256,
    suggest: (value) => {
      const clean = value.replaceAll(/[^A-Za-z0-9_]+/g, "_").replace(/^(\d)/, "_$1");
      return clean === "" ? undefined : `for example ${clean}`;
    },
  }),
);

function variableValue(): Leaf<string> {
  return leaf<string>({
    json: { type: "string", maxLength: 131_072 },
    parse(value) {
      if (typeof value === "string") {
        if (value.includes("\u0000")) return refuse("must not hold NUL");
        return value.length > 131_072 ? refuse("must have at most 131072 characters") : value;
      }
      const scalar = typeof value === "number" || typeof value === "boolean" || value === null;
      return refuse("must be text", scalar ? `put it in quotes: "${String(value ?? "")}"` : undefined);
    },
  });
}

function secrets() {
  const { z } = zod();
  return z.array(
    z.strictObject({
      name: described(
        text({
          pattern: /^[A-Za-z0-9][A-Za-z0-9._/-]*$/,
          rule: "must be a secret name of letters, digits, `.`, `_`, `/` and `-`",
        }),
        "Name in the secret store.",
      ),
      env: described(variableName(), "Environment variable that holds its value in the function."),
    }),
  );
}

export const egressLeaf = once(() =>
  text({
    pattern: /^https?:\/\/(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?$/,
    rule: "must be an origin such as https://api.example.com",
    suggest: (value) => {
      const host = /^(?:[a-z]+:\/\/)?([a-z0-9.-]+(?::\d+)?)/i.exec(value)?.[1];
      return host === undefined ? undefined : `for example https://${host.toLowerCase()}`;
    },
  }),
);

function network() {
  const { z } = zod();
  const source = 'HIP-60, Network Policies: "allowlisted in the function configuration", without a field';
  return z.strictObject({
    egress: described(z.array(egressLeaf()).prefault([]), "External origins the function may call.", source),
  });
}

function edge() {
  const { z } = zod();
  const source = "HIP-60, Phase 4: one manifest deploys to origin and edge, without a field";
  return z.strictObject({
    enabled: described(
      flag().prefault(false),
      "Deploy to the Edge as well (TypeScript without a GPU).",
      source,
    ),
    regions: described(
      z
        .array(text({ pattern: /^[a-z0-9-]+$/, rule: "must be a region name or `all`", max: 64 }))
        .min(1)
        .prefault(["all"]),
      "Regions to deploy to.",
      source,
    ),
  });
}

/** The schema of `function.yaml` (HIP-60, Manifest Fields and Trigger Specification). */
export const manifestSchema = once(() => {
  const { z } = zod();
  const [first, ...rest] = Object.values(TRIGGER_KINDS).map((kind) =>
    described(kind.schema(), kind.description),
  );
  const trigger = z.discriminatedUnion("type", [first as z.ZodObject, ...(rest as z.ZodObject[])] as never);
  return z.strictObject({
    name: described(nameLeaf(), "Function name, unique within the organisation; at most 40 characters."),
    runtime: described(choice(RUNTIMES), "Language of the source."),
    version: described(version(), "Semantic version; a label of the revision."),
    entry: described(
      text({ pattern: /^\S+$/, rule: "must be an entry point without spaces", max: 512 }),
      "Entry point: Python `module.function`, TypeScript `file.export`, Go `Func` or `file.Func`, Rust `module::function`.",
    ),
    description: described(z.string().max(1000), "What the function does.").optional(),
    resources: described(resources().prefault({}), "What one instance gets."),
    scaling: described(scaling().prefault({}), "How many instances run."),
    triggers: described(
      z
        .array(trigger as unknown as z.ZodType<Record<string, unknown>>)
        .min(1)
        .max(100),
      "What invokes the function; at least one.",
    ),
    environment: described(
      z.record(variableName(), variableValue()).prefault({}),
      "Environment variables of the function.",
    ),
    secrets: described(secrets().prefault([]), "Secrets injected as environment variables."),
    network: described(network(), "Network access.", "see `network.egress`").optional(),
    edge: described(edge(), "Edge deployment.", "see `edge.enabled`").optional(),
    on_success: described(
      mqSubject(false),
      "MQ subject that the answer is published to when an event, or an asynchronous call, has succeeded.",
      "HIP-60, Phase 5: function composition, without a field",
    ).optional(),
    on_failure: described(
      mqSubject(false),
      "MQ subject that is told of an event, or an asynchronous call, that was given up, with the reason.",
      "beside `on_success`",
    ).optional(),
  });
});

export type ManifestFields = z.output<ReturnType<typeof manifestSchema>>;
