import { bytes, choice, flag, integer } from "../document/leaves.ts";
import { field, listOf, optional, secret, size } from "./field.ts";
import { LATER_TRIGGERS } from "./later.ts";
import { hidden, many, serverUrl, url, words } from "./leaves.ts";

/** What `ctx.kv`, `ctx.storage`, `ctx.publish` and `ctx.model` stand on (HIP-28, HIP-32, HIP-55, HIP-30). */
export const SERVICES = {
  gateway: {
    port: optional(() => integer(0, 65_535), {
      description:
        "Port on 127.0.0.1 where the gateway of `ctx.kv`, `ctx.storage`, `ctx.publish` and `ctx.model` listens besides its Unix socket; 0 takes a free one. Default: the socket alone.",
    }),
  },
  kv: {
    url: secret(() => serverUrl(["redis", "rediss", "valkey", "valkeys"]), {
      env: ["KV_URL", "REDIS_URL", "VALKEY_URL"],
      description: "Valkey or Redis of `ctx.kv`; without it the platform's database keeps it.",
    }),
    max_bytes_per_function: size(() => bytes({ min: 65_536 }), {
      fallback: "64Mi",
      description:
        "Keys and values of one function, where the platform's database keeps them; beyond it 507.",
    }),
  },
  storage: {
    url: optional(() => url(["https", "http"]), {
      env: ["OBJECT_STORAGE_URL"],
      description: "S3 endpoint of `ctx.storage`; without it objects are files in the data directory.",
    }),
    public_url: optional(() => url(["https", "http"]), {
      description:
        "Where callers from outside reach the objects: URLs of `ctx.storage.presign` begin with it. Default: `storage.url`, or the control plane's own address.",
    }),
    region: field(() => words(64), { fallback: "us-east-1", description: "S3 region." }),
    bucket: field(() => words(63), {
      fallback: "hanzo-functions",
      description: "S3 bucket of the platform; keys of functions lie in `data/<org>/<function>/`.",
    }),
    source_bucket: optional(() => words(63), {
      description:
        "S3 bucket of source archives and of long bodies of asynchronous calls, which holds nothing else; without it they are files in the data directory.",
    }),
    access_key: optional(() => words(256), {
      env: ["OBJECT_STORAGE_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "MINIO_ROOT_USER"],
      description: "S3 access key.",
    }),
    secret_key: secret(hidden, {
      env: ["OBJECT_STORAGE_SECRET_KEY", "AWS_SECRET_ACCESS_KEY", "MINIO_ROOT_PASSWORD"],
      description: "S3 secret key.",
    }),
  },
  layer: {
    port: field(() => integer(0, 65_535), {
      fallback: 8080,
      description: "Port of Layer, the data plane, where `planes` names it; 0 takes a free one.",
    }),
    auth: field(() => choice(["required", "none"]), {
      fallback: "required",
      description:
        "Whether Layer asks for a token or a key; `none`, for addresses of the loopback alone, takes callers without one for `auth.org`.",
    }),
    max_body: size(() => bytes({ min: 65_536 }), {
      fallback: "64Mi",
      description: "Longest body of a request to Layer, unpacked; beyond it 413.",
    }),
    vector_cache: size(() => bytes(), {
      fallback: "256Mi",
      description:
        "Memory for vectors of the namespaces that were asked last; larger namespaces are read from the database for every query.",
    }),
  },
  models: {
    path: optional(() => words(4096), {
      description: "Directory with one directory per model, where `ctx.model` looks before the object store.",
    }),
  },
  triggers: {
    operator_orgs: listOf(() => many(() => words(64)), {
      fallback: [],
      env: ["TRIGGERS_OPERATOR_ORGS"],
      description:
        "Organisations whose stream and inference triggers get the events of all organisations; those of others get their own.",
    }),
    nats: {
      url: secret(() => serverUrl(["nats", "tls", "ws", "wss"]), {
        env: ["NATS_URL"],
        description:
          "NATS server of mq triggers and of publications to subjects that begin with `mq.`; without it the platform's database keeps them.",
      }),
      stream: field(() => words(255), {
        fallback: "HANZO_MQ",
        env: ["NATS_STREAM"],
        description: "JetStream stream of mq triggers (HIP-55).",
      }),
      create_stream: field(flag, {
        fallback: false,
        env: ["NATS_CREATE_STREAM"],
        description: "Whether that stream is made where it is missing; else a deploy says so.",
      }),
      credentials: {
        user: optional(() => words(256), { description: "NATS user." }),
        password: secret(hidden, { env: ["NATS_PASSWORD"], description: "NATS password." }),
      },
    },
    kafka: {
      brokers: listOf(() => many(() => words(512)), {
        fallback: [],
        env: ["KAFKA_BROKERS"],
        description:
          "Kafka brokers of stream triggers and of publications to topics; without them the platform's database keeps these.",
      }),
      tls: field(flag, {
        fallback: false,
        env: ["KAFKA_TLS"],
        description: "Whether Kafka is reached by TLS.",
      }),
      sasl: {
        username: optional(() => words(256), {
          env: ["KAFKA_SASL_USERNAME"],
          description: "Kafka user (SASL/PLAIN).",
        }),
        password: secret(hidden, { env: ["KAFKA_SASL_PASSWORD"], description: "Kafka password." }),
      },
      group_prefix: field(() => words(64), {
        fallback: "fn-",
        env: ["KAFKA_GROUP_PREFIX"],
        description: "Prefix of consumer groups that have no name in the manifest.",
      }),
    },
    cron: LATER_TRIGGERS.cron,
  },
} as const;
