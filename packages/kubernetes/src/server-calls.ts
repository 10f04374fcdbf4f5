import { PlatformError } from "@hanzo-fn/contract";
import { COMPONENT } from "./access/refused.ts";
import type { Requests } from "./http/requests.ts";
import { connectionError, statusOf } from "./http/errors.ts";
import { objectPath } from "./http/paths.ts";
import type { Kind } from "./objects.ts";

/** `/version`. */
export interface ServerVersion {
  /** `v1.35.4`. */
  readonly gitVersion: string;
  readonly major: string;
  readonly minor: string;
}

/** A kind that the server serves. */
export interface ServedResource {
  /** `services`, `services/status`. */
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
}

export interface PodLogsQuery {
  readonly namespace: string;
  readonly pod: string;
  readonly container?: string | undefined;
  /** Goes on until the container ends. */
  readonly follow?: boolean | undefined;
  /** Only what was written from then on, to the second. */
  readonly sinceTime?: Date | undefined;
  readonly tailLines?: number | undefined;
  /** Of the container before the last restart. */
  readonly previous?: boolean | undefined;
  /** Every line begins with its RFC 3339 time. */
  readonly timestamps?: boolean | undefined;
  readonly limitBytes?: number | undefined;
  /** A log that is followed ends with `cluster_unavailable` after so much silence, in ms: 5 min; the caller goes on with `sinceTime`. */
  readonly silenceMs?: number | undefined;
}

/** One thing that somebody may be allowed to do, in all namespaces. */
export interface AccessQuestion {
  /** Empty for the core group. */
  readonly group: string;
  /** `pods`, `pods/log`. */
  readonly resource: string;
  readonly verb: string;
}

export interface ServerCalls {
  version(signal: AbortSignal): Promise<ServerVersion>;
  /** The kinds of one group and version; undefined where the server does not serve it. */
  discover(apiVersion: string, signal: AbortSignal): Promise<readonly ServedResource[] | undefined>;
  /** The groups of `/apis` with their versions, the preferred one first. */
  groups(signal: AbortSignal): Promise<ReadonlyMap<string, readonly string[]>>;
  /** Whether our own account may (SelfSubjectAccessReview). */
  mayI(question: AccessQuestion, signal: AbortSignal): Promise<boolean>;
  /** The name of our own account, as the server knows it (SelfSubjectReview). */
  whoAmI(signal: AbortSignal): Promise<string>;
  /** The bytes as they come. Rejects at the first one, or ends in the middle with `cluster_unavailable`. */
  podLogs(query: PodLogsQuery, signal: AbortSignal): AsyncIterable<Buffer>;
}

const PODS: Kind = { apiVersion: "v1", kind: "Pod", plural: "pods", namespaced: true };
const FOLLOW_SILENCE_MS = 300_000;

export function createServerCalls(requests: Requests): ServerCalls {
  const read = <T>(path: string, signal: AbortSignal): Promise<T> =>
    requests.json<T>({ method: "GET", path, target: { verb: "get", what: path }, idempotent: true, signal });
  /** Reviews are questions: nothing is stored, and they have no names. */
  const askAboutUs = async <T>(
    apiVersion: string,
    kind: string,
    spec: object | undefined,
    signal: AbortSignal,
  ): Promise<T> => {
    const { status } = await requests.json<{ status: T }>({
      method: "POST",
      path: `/apis/${apiVersion}/${kind.toLowerCase()}s`,
      body: { apiVersion, kind, metadata: {}, spec },
      target: { verb: "ask for", what: `a ${kind}` },
      idempotent: true,
      signal,
    });
    return status;
  };
  return {
    version: (signal) => read("/version", signal),
    async discover(apiVersion, signal) {
      const path = `${apiVersion.includes("/") ? "/apis" : "/api"}/${apiVersion}`;
      try {
        return (await read<{ resources: ServedResource[] }>(path, signal)).resources;
      } catch (error) {
        if (statusOf(error)?.code === 404) return undefined;
        throw error;
      }
    },
    async groups(signal) {
      const { groups } = await read<{ groups: ApiGroup[] }>("/apis", signal);
      return new Map(
        groups.map(({ name, preferredVersion, versions }) => {
          const preferred = preferredVersion.version;
          return [
            name,
            [preferred, ...versions.map(({ version }) => version).filter((it) => it !== preferred)],
          ];
        }),
      );
    },
    async mayI({ group, resource: full, verb }, signal) {
      const [resource, subresource] = full.split("/");
      const resourceAttributes = { group, resource, subresource, verb };
      const review = await askAboutUs<{ allowed: boolean }>(
        "authorization.k8s.io/v1",
        "SelfSubjectAccessReview",
        { resourceAttributes },
        signal,
      );
      return review.allowed;
    },
    whoAmI: async (signal) =>
      (
        await askAboutUs<{ userInfo: { username: string } }>(
          "authentication.k8s.io/v1",
          "SelfSubjectReview",
          undefined,
          signal,
        )
      ).userInfo.username,
    podLogs: (query, signal) => podLogs(requests, query, signal),
  };
}

interface ApiGroup {
  readonly name: string;
  readonly preferredVersion: { readonly version: string };
  readonly versions: readonly { readonly version: string }[];
}

async function* podLogs(
  requests: Requests,
  query: PodLogsQuery,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  const { namespace, pod, follow, sinceTime, silenceMs, ...rest } = query;
  const target = { verb: "read the log of", what: `Pod ${namespace}/${pod}` };
  const body = await requests.stream({
    method: "GET",
    path: objectPath(PODS, { namespace, name: pod }, "log"),
    query: { ...rest, follow, sinceTime: sinceTime?.toISOString() },
    target,
    idempotent: true,
    signal,
    silenceMs: silenceMs ?? (follow === true ? FOLLOW_SILENCE_MS : undefined),
  });
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) yield chunk;
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof PlatformError ? error : connectionError(target, COMPONENT, error);
  } finally {
    body.destroy();
  }
}
