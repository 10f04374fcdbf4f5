import type { GatewaySettings } from "../gateway/http-gateway.ts";

/** Where the server listens: section 1 of the runtime contract. */
export type Listen = { readonly path: string } | { readonly port: number; readonly host: string | undefined };

export interface FunctionIdentity {
  readonly org: string;
  readonly function: string;
  readonly revision: string;
  readonly instance: string;
}

/** What `specialise` takes, and what a specialised boot makes of its environment. */
export interface Assignment extends FunctionIdentity {
  /** Absolute directory. */
  readonly source: string;
  readonly entry: string;
  readonly paths: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly concurrency: number;
  readonly timeoutMs: number;
  readonly tmp: string | undefined;
  readonly gateway: GatewaySettings | undefined;
  /** A directory with one directory per model. */
  readonly models: string | undefined;
}

export interface Settings {
  readonly listen: Listen | undefined;
  readonly controlToken: string | undefined;
  readonly drainMs: number;
  readonly maxBodyBytes: number;
  readonly assignment: Assignment | undefined;
}

const DEFAULT_CONCURRENCY = 10;
const DEFAULT_TIMEOUT_MS = 60_000;
const DEFAULT_DRAIN_MS = 30_000;
const DEFAULT_MAX_BODY_BYTES = 100 * 1024 * 1024;

/** NODE_COMPILE_CACHE is the platform's, for a quick boot of the server; Node has read it by now. */
function isOurs(name: string): boolean {
  return name.startsWith("HANZO_FN_") || name === "NODE_COMPILE_CACHE";
}

/** Reads the boot variables and removes them from `env`, so that user code cannot see one. */
export function takeSettings(env: Record<string, string | undefined>): Settings {
  const socket = env["HANZO_FN_SOCKET"];
  const port = wholeNumber(env["PORT"]);
  const source = env["HANZO_FN_SOURCE"];
  const settings: Settings = {
    listen:
      socket !== undefined && socket !== ""
        ? { path: socket }
        : port === undefined
          ? undefined
          : { port, host: env["HANZO_FN_HOST"] },
    controlToken: env["HANZO_FN_CONTROL_TOKEN"],
    drainMs: wholeNumber(env["HANZO_FN_DRAIN_MS"]) ?? DEFAULT_DRAIN_MS,
    maxBodyBytes: wholeNumber(env["HANZO_FN_MAX_BODY_BYTES"], 15) ?? DEFAULT_MAX_BODY_BYTES,
    assignment: source === undefined || source === "" ? undefined : assignmentOfBoot(source, env),
  };
  for (const name of Object.keys(env)) if (isOurs(name)) delete env[name];
  return settings;
}

function assignmentOfBoot(source: string, env: Readonly<Record<string, string | undefined>>): Assignment {
  return {
    org: env["HANZO_FN_ORG"] ?? "",
    function: env["HANZO_FN_FUNCTION"] ?? "",
    revision: env["HANZO_FN_REVISION"] ?? "",
    instance: env["HANZO_FN_INSTANCE"] ?? "",
    source,
    entry: env["HANZO_FN_ENTRY"] ?? "",
    paths: [],
    environment: {},
    concurrency: wholeNumber(env["HANZO_FN_CONCURRENCY"]) || DEFAULT_CONCURRENCY,
    timeoutMs: wholeNumber(env["HANZO_FN_TIMEOUT_MS"]) || DEFAULT_TIMEOUT_MS,
    tmp: undefined,
    gateway: gatewayOf(env["HANZO_FN_GATEWAY"], env["HANZO_FN_GATEWAY_TOKEN"]),
    models: env["HANZO_FN_MODELS"] === "" ? undefined : env["HANZO_FN_MODELS"],
  };
}

function gatewayOf(url: unknown, token: unknown): GatewaySettings | undefined {
  if (typeof url !== "string" || url === "") return undefined;
  return { url, token: typeof token === "string" ? token : "" };
}

function wholeNumber(text: string | undefined, digits = 9): number | undefined {
  return text !== undefined && /^\d+$/.test(text) && text.length <= digits ? Number(text) : undefined;
}

/** The body of `specialise`; undefined where it is not of that shape. */
export function parseAssignment(body: unknown): Assignment | undefined {
  if (typeof body !== "object" || body === null) return undefined;
  const given = body as Record<string, unknown>;
  const text = (name: string): string => (typeof given[name] === "string" ? given[name] : "");
  const count = (name: string, fallback: number): number =>
    typeof given[name] === "number" && given[name] > 0 ? given[name] : fallback;
  const paths = given["paths"] ?? [];
  const environment = given["environment"] ?? {};
  const gateway = (given["gateway"] ?? {}) as Readonly<Record<string, unknown>>;
  if (text("source") === "" || text("entry") === "") return undefined;
  if (!Array.isArray(paths) || !paths.every((path) => typeof path === "string")) return undefined;
  if (!isStringMap(environment)) return undefined;
  return {
    org: text("org"),
    function: text("function"),
    revision: text("revision"),
    instance: text("instance"),
    source: text("source"),
    entry: text("entry"),
    paths,
    environment,
    concurrency: count("concurrency", DEFAULT_CONCURRENCY),
    timeoutMs: count("timeout_ms", DEFAULT_TIMEOUT_MS),
    tmp: text("tmp") === "" ? undefined : text("tmp"),
    gateway: gatewayOf(gateway["url"], gateway["token"]),
    models: text("models") === "" ? undefined : text("models"),
  };
}

function isStringMap(value: unknown): value is Record<string, string> {
  return (
    typeof value === "object" &&
    value !== null &&
    Object.values(value).every((one) => typeof one === "string")
  );
}
