import path from "node:path";
import { parse } from "yaml";
import { unusable } from "./refused.ts";

/** An entry `exec` of a user: client.authentication.k8s.io/v1. */
export interface ExecPlugin {
  readonly apiVersion: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly installHint?: string | undefined;
  readonly provideClusterInfo: boolean;
}

export interface KubeconfigCluster {
  readonly server: string;
  readonly ca?: FileOrData | undefined;
  readonly skipTlsVerify: boolean;
  readonly serverName?: string | undefined;
}

export interface KubeconfigUser {
  readonly token?: string | undefined;
  readonly tokenFile?: string | undefined;
  readonly cert?: FileOrData | undefined;
  readonly key?: FileOrData | undefined;
  readonly basic?: { readonly username: string; readonly password: string } | undefined;
  readonly exec?: ExecPlugin | undefined;
  readonly impersonate: Readonly<Record<string, string | readonly string[]>>;
}

/** Data (base64 in the file) counts before the file beside it. */
export type FileOrData = { readonly file: string } | { readonly data: string };

export interface KubeconfigContext {
  readonly name: string;
  readonly cluster: KubeconfigCluster;
  readonly user: KubeconfigUser;
  readonly namespace: string;
}

export interface KubeconfigFile {
  readonly file: string;
  readonly text: string;
}

type Json = Readonly<Record<string, unknown>>;
interface Entry {
  readonly value: Json;
  readonly file: string;
}

const NEXT = "Check the kubeconfig (kubectl config view shows how kubectl reads it).";

/**
 * One context of one or several kubeconfig files, as kubectl merges them: the first file that names an entry has it,
 * and relative paths start at the file they stand in. Throws `cluster_refused` where it cannot be used.
 */
export function readContext(files: readonly KubeconfigFile[], wanted?: string): KubeconfigContext {
  const parsed = files.map(({ file, text }) => ({ file, root: parseFile(file, text) }));
  const name =
    wanted ?? parsed.map(({ root }) => text(root["current-context"])).find((it) => it !== undefined);
  const where = files.map(({ file }) => file).join(", ");
  if (name === undefined)
    throw unusable(
      `${where} names no current-context`,
      "Name a context, or set one: kubectl config use-context NAME.",
    );
  const find = (list: string, field: string, wantedName: string): Entry => {
    for (const { file, root } of parsed) {
      const entry = array(root[list]).find((each) => each["name"] === wantedName);
      if (entry) return { file, value: object(entry[field]) };
    }
    throw unusable(`${where} has no ${field} named "${wantedName}"`, NEXT);
  };
  const context = find("contexts", "context", name).value;
  const named = (field: string): string => {
    const value = text(context[field]);
    if (value === undefined) throw unusable(`the context "${name}" of ${where} names no ${field}`, NEXT);
    return value;
  };
  return {
    name,
    cluster: readCluster(find("clusters", "cluster", named("cluster"))),
    user: readUser(find("users", "user", named("user"))),
    namespace: text(context["namespace"]) ?? "default",
  };
}

function parseFile(file: string, content: string): Json {
  try {
    return object(parse(content) as unknown);
  } catch (error) {
    // The message of a YAML error shows the line, which may be a token.
    const { line } = (error as { linePos?: readonly { readonly line: number }[] }).linePos?.[0] ?? {};
    throw unusable(`${file} is no YAML${line === undefined ? "" : `: line ${line}`}`, NEXT);
  }
}

function readCluster({ value, file }: Entry): KubeconfigCluster {
  const server = text(value["server"]);
  if (server === undefined || !URL.canParse(server))
    throw unusable(`a cluster of ${file} has no server's URL`, NEXT);
  if (text(value["proxy-url"]) !== undefined) {
    throw unusable(
      `${file} asks for a proxy (proxy-url), which is not supported`,
      "Take an address that is reached without one.",
    );
  }
  return {
    server,
    ca: fileOrData(value, "certificate-authority", file),
    skipTlsVerify: value["insecure-skip-tls-verify"] === true,
    serverName: text(value["tls-server-name"]),
  };
}

function readUser({ value, file }: Entry): KubeconfigUser {
  if (value["auth-provider"] !== undefined && value["auth-provider"] !== null) {
    const { name } = object(value["auth-provider"]);
    throw unusable(
      `a user of ${file} authenticates by auth-provider "${String(name)}", which is not supported`,
      "Use a credential plugin (exec), for example kubelogin for OpenID Connect, or a token of a service account.",
    );
  }
  const username = text(value["username"]);
  const tokenFile = text(value["tokenFile"]);
  return {
    token: text(value["token"]),
    tokenFile: tokenFile === undefined ? undefined : path.resolve(path.dirname(file), tokenFile),
    cert: fileOrData(value, "client-certificate", file),
    key: fileOrData(value, "client-key", file),
    basic: username === undefined ? undefined : { username, password: text(value["password"]) ?? "" },
    exec: value["exec"] ? readExec(object(value["exec"]), file) : undefined,
    impersonate: readImpersonation(value),
  };
}

function readExec(value: Json, file: string): ExecPlugin {
  const command = text(value["command"]);
  if (command === undefined) throw unusable(`a user of ${file} has an exec without a command`, NEXT);
  const env = array(value["env"]).map(({ name, value }) => [String(name), String(value)]);
  return {
    apiVersion: text(value["apiVersion"]) ?? "client.authentication.k8s.io/v1",
    // A bare name is looked for on the PATH; one with a slash is relative to the file (client-go does the same).
    command: command.includes("/") ? path.resolve(path.dirname(file), command) : command,
    args: Array.isArray(value["args"]) ? value["args"].map(String) : [],
    env: Object.fromEntries(env) as Record<string, string>,
    installHint: text(value["installHint"]),
    provideClusterInfo: value["provideClusterInfo"] === true,
  };
}

function readImpersonation(value: Json): Record<string, string | string[]> {
  const user = text(value["as"]);
  if (user === undefined) return {};
  const groups = Array.isArray(value["as-groups"]) ? value["as-groups"].map(String) : [];
  const uid = text(value["as-uid"]);
  const extra = Object.entries(object(value["as-user-extra"] ?? {})).map(([name, values]) => [
    `impersonate-extra-${encodeURIComponent(name)}`,
    (values as unknown[]).map(String),
  ]);
  return {
    "impersonate-user": user,
    ...(groups.length > 0 ? { "impersonate-group": groups } : {}),
    ...(uid === undefined ? {} : { "impersonate-uid": uid }),
    ...(Object.fromEntries(extra) as Record<string, string[]>),
  };
}

function fileOrData(value: Json, field: string, file: string): FileOrData | undefined {
  const data = text(value[`${field}-data`]);
  if (data !== undefined) return { data: Buffer.from(data, "base64").toString("utf8") };
  const named = text(value[field]);
  return named === undefined ? undefined : { file: path.resolve(path.dirname(file), named) };
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function object(value: unknown): Json {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw unusable("a kubeconfig has something else where a mapping belongs", NEXT);
  return value as Json;
}

function array(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value.map(object) : [];
}
