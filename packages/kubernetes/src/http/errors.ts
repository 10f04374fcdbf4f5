import { type ErrorCode, type ErrorDetail, PlatformError } from "@hanzo-fn/contract";
import { COMPONENT } from "../access/refused.ts";
import type { KubeStatus } from "./status.ts";

/** What was asked for, for messages. */
export interface Target {
  /** `apply`, `list`, `watch`: what the caller called it. */
  readonly verb: string;
  /** `Service acme/hello`, `/version`. */
  readonly what: string;
}

/** A `PlatformError` with the server's Status beside it. */
class KubernetesError extends PlatformError {
  readonly kubeStatus: KubeStatus;
  constructor(
    code: ErrorCode,
    message: string,
    status: KubeStatus,
    more: { next?: string; details?: readonly ErrorDetail[] } = {},
  ) {
    const wait = status.details?.retryAfterSeconds;
    super(code, message, {
      component: COMPONENT,
      ...more,
      ...(wait === undefined ? {} : { retryAfterSeconds: wait }),
    });
    this.kubeStatus = status;
  }
}

/** What the API server said, where it was the API server that said no. */
export function statusOf(error: unknown): KubeStatus | undefined {
  return error instanceof KubernetesError ? error.kubeStatus : undefined;
}

/**
 * The server's no as an error of ours:
 * `cluster_refused` (who we are, or what we may), `object_not_found`, `field_conflict` (another manager has the fields),
 * `object_conflict` (it changed meanwhile, or is there already), `resource_expired`, `object_rejected` (validation,
 * webhooks, quotas: their words as they are), `cluster_unavailable` (all else).
 */
export function statusError(target: Target, status: KubeStatus): PlatformError {
  const { verb, what } = target;
  const said = `${verb} ${what}: ${status.message}`;
  if (isRejection(status))
    return new KubernetesError("object_rejected", said, status, { details: causes(status) });
  switch (status.code) {
    case 401:
      return new KubernetesError(
        "cluster_refused",
        `${verb} ${what}: the API server does not know our credentials`,
        status,
        {
          next: "Check the kubeconfig's user, or that the service account still exists: kubectl auth whoami",
        },
      );
    case 403:
      return forbidden(target, status);
    case 404:
      return new KubernetesError("object_not_found", said, status);
    case 409:
      return conflict(target, status);
    case 410:
      return new KubernetesError("resource_expired", said, status);
    default:
      return status.code === 429 || status.code >= 500
        ? new KubernetesError("cluster_unavailable", said, status, {
            next: "The API server is busy or starting; it is tried again.",
          })
        : new KubernetesError("object_rejected", said, status, { details: causes(status) });
  }
}

/** No connection, no answer in time, or one that cannot be read. */
export function connectionError(target: Target, origin: string, error: unknown): PlatformError {
  if (error instanceof PlatformError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  const reason = message || code || String(error);
  if (isTrustProblem(code)) {
    return new PlatformError(
      "cluster_refused",
      `${target.verb} ${target.what}: the API server's certificate is not trusted: ${reason}`,
      {
        component: COMPONENT,
        cause: error,
        next: `Check the certificate authority and the server's name of ${origin}.`,
      },
    );
  }
  return new PlatformError(
    "cluster_unavailable",
    `${target.verb} ${target.what}: the API server does not answer: ${reason}`,
    {
      component: COMPONENT,
      cause: error,
      next: `Check that the server of ${origin} runs and is reached from here.`,
    },
  );
}

/** Does not pass by waiting. */
export function isTrustProblem(code: string | undefined): boolean {
  return (
    code !== undefined &&
    /^(ERR_TLS_CERT|CERT_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_(GET_ISSUER|VERIFY))/.test(code)
  );
}

/** A webhook, a policy or a quota says no with 400, 403 or whatever it likes; only its words tell. */
function isRejection({ code, message }: KubeStatus): boolean {
  if (code === 422) return true;
  return code < 500 && /denied (the )?request|exceeded quota|violates PodSecurity/.test(message);
}

function causes({ details }: KubeStatus): ErrorDetail[] {
  return (details?.causes ?? []).map(({ field, message }) => ({
    rule: message ?? "",
    ...(field === undefined ? {} : { path: field }),
  }));
}

const RBAC =
  /User "(?<user>[^"]*)" cannot (?<verb>\S+) (?:resource "(?<resource>[^"]+)" in API group "(?<group>[^"]*)"(?: in the namespace "(?<namespace>[^"]+)")?|path "(?<path>[^"]+)")/;

function forbidden({ verb, what }: Target, status: KubeStatus): PlatformError {
  const denied = RBAC.exec(status.message)?.groups;
  if (!denied) return new KubernetesError("object_rejected", `${verb} ${what}: ${status.message}`, status);
  const { user, resource, group, namespace, path } = denied;
  const thing = path ?? `${resource}${group ? `.${group}` : ""}`;
  const where = namespace === undefined ? "" : ` -n ${namespace}`;
  const missing = `verb "${denied["verb"]}" on ${path === undefined ? `resource "${thing}"` : `path "${thing}"`}`;
  const scope =
    namespace === undefined
      ? path === undefined
        ? " in all namespaces"
        : ""
      : ` in namespace "${namespace}"`;
  return new KubernetesError(
    "cluster_refused",
    `${verb} ${what}: "${user}" lacks the ${missing}${scope}`,
    status,
    {
      next: `Add it to the role of "${user}"; to check: kubectl auth can-i ${denied["verb"]} ${thing} --as=${user}${where}`,
    },
  );
}

function conflict({ verb, what }: Target, status: KubeStatus): PlatformError {
  const owned = (status.details?.causes ?? []).filter(({ reason }) => reason === "FieldManagerConflict");
  if (owned.length === 0)
    return new KubernetesError("object_conflict", `${verb} ${what}: ${status.message}`, status);
  const byManager = Map.groupBy(
    owned,
    ({ message }) => /"([^"]*)"/.exec(message ?? "")?.[1] ?? "another manager",
  );
  const owners = [...byManager].map(
    ([manager, fields]) => `"${manager}" owns ${fields.map(({ field }) => field).join(", ")}`,
  );
  return new KubernetesError("field_conflict", `${verb} ${what}: ${owners.join("; ")}`, status, {
    details: causes(status),
    next: "Let that manager give the fields up, or take them over by force.",
  });
}
