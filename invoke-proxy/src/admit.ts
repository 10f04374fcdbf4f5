import { PlatformError, type Authenticator, type Credentials, type Identity } from "@hanzo-fn/contract";
import {
  ANONYMOUS,
  cachedIdentity,
  hasCredentials,
  requirePermission,
  unauthenticated,
  type IdentityMemo,
} from "./authenticate.ts";
import { allowsOrigin } from "./cors.ts";
import { canonicalPath, invokedFunction, isPlatformPath } from "./path.ts";
import { retryAfterSeconds, take, type RateLimiter, type Window } from "./rate-limit.ts";
import type { RequestFields } from "./request-fields.ts";
import type { FunctionEntry, PathEntry, RevisionEntry, RouteEntry, RouteTable } from "./route-table.ts";
import { pickRevision, pinnedRevision, requireServing } from "./split.ts";

/** What admission decides about a call. Filled step by step, so that an answer that refuses it names what is known. */
export interface Admission {
  identity: Identity | undefined;
  fn: FunctionEntry | undefined;
  route: RouteEntry | undefined;
  revision: RevisionEntry | undefined;
  window: Window | undefined;
  /** True where the platform verified the credentials, which then end here. */
  verified: boolean;
}

/** What admission reads of a request. */
export interface AdmissionRequest {
  readonly method: string;
  /** Canonical, without the query. */
  readonly path: string;
  readonly fields: RequestFields;
}

export interface AdmissionDependencies {
  readonly routes: RouteTable;
  readonly limiter: RateLimiter;
  readonly authenticator: Authenticator;
  /** Who every caller is, whatever it sends: for a developer's own machine, where there are no credentials. */
  readonly everyone?: ((fields: RequestFields) => Identity) | undefined;
}

const component = "invoke-proxy";

function notFound(message = "nothing is served at this path"): PlatformError {
  return new PlatformError("not_found", message, { component });
}

function withMethod(
  routes: readonly RouteEntry[],
  method: string,
  isPublic: boolean,
): RouteEntry | undefined {
  return routes.find((entry) => (entry.route.auth !== "required") === isPublic && entry.methods.has(method));
}

/** 405 with the methods of these routes in `details`; the head of the answer makes `Allow` of them. */
function methodNotAllowed(routes: readonly RouteEntry[]): PlatformError {
  const allowed = [...new Set(routes.flatMap((entry) => [...entry.methods]))].sort();
  return new PlatformError("method_not_allowed", `this path takes ${allowed.join(", ")}`, {
    component,
    details: allowed.map((value) => ({ path: "method", value, rule: "allowed" })),
  });
}

/** The spelling of a path that is routed by. Throws `bad_request` for one that two servers may read as two. */
export function routablePath(path: string): string {
  const canonical = canonicalPath(path);
  if (canonical !== undefined) return canonical;
  if (path === "*") throw notFound();
  throw new PlatformError(
    "bad_request",
    "the path has empty or dot segments or an escape that is not allowed",
    {
      component,
    },
  );
}

/** Looks a canonical path up. Throws `not_found`, also for the platform's own paths. */
export function findPath(routes: RouteTable, path: string): PathEntry {
  const found = routes.find(path);
  if (found === undefined || isPlatformPath(path)) throw notFound();
  return found;
}

/** The route of a path with public routes only; its owner needs no token to be known. */
export function publicRoute(entry: PathEntry, method: string): RouteEntry {
  const route = withMethod(entry.routes, method, true);
  if (route) return route;
  throw methodNotAllowed(entry.routes.filter(({ route }) => route.auth !== "required"));
}

/**
 * The route for a caller of `org` among all paths that match: its own organisation's routes win over public
 * ones, a more specific path over a less specific one. Other organisations' paths do not exist for it.
 */
export function routeFor(routes: RouteTable, path: string, method: string, org: string): RouteEntry {
  for (const entry of routes.findAll(path)) {
    const own = entry.routes.filter(({ fn }) => fn.org === org);
    const open = entry.routes.filter(({ fn, route }) => fn.org !== org && route.auth !== "required");
    const route =
      own.find(({ methods }) => methods.has(method)) ?? open.find(({ methods }) => methods.has(method));
    if (route) return route;
    if (own.length + open.length > 0) throw methodNotAllowed([...own, ...open]);
  }
  throw notFound();
}

/** The route that answers a preflight: the first whose CORS block knows the method and the origin. */
export function preflightRoute(entry: PathEntry, fields: RequestFields): RouteEntry | undefined {
  const { origin, preflightMethod } = fields;
  if (origin === undefined || preflightMethod === undefined) return undefined;
  const withCors = entry.routes.filter(({ route }) => route.cors !== undefined);
  return (
    withCors.find(
      ({ route, methods }) => methods.has(preflightMethod) && route.cors && allowsOrigin(route.cors, origin),
    ) ?? withCors[0]
  );
}

/** Counts the call against the route's limit. Throws `rate_limited`. */
export function limit(
  deps: AdmissionDependencies,
  admission: Admission,
  clientAddress: string,
  nowMs: number,
): void {
  const limiter = admission.route?.limiter;
  if (limiter === undefined || admission.identity?.kind === "platform") return;
  const key = admission.identity?.limitKey || `addr:${clientAddress}`;
  const window = deps.limiter.window(limiter, key);
  admission.window = window;
  if (take(window, limiter.limit, nowMs)) return;
  const { count, windowMs } = limiter.limit;
  throw new PlatformError("rate_limited", `more than ${count} calls in ${windowMs / 1000} s`, {
    component,
    function: admission.fn?.function,
    retryAfterSeconds: retryAfterSeconds(window, limiter.limit, nowMs),
  });
}

/** Takes a route, checking that the identity may call it. */
export function takeRoute(admission: Admission, route: RouteEntry, identity: Identity): void {
  admission.fn = route.fn;
  admission.route = route;
  admission.identity = identity;
  admission.verified = route.route.auth !== "none";
  if (route.route.auth === "none" || identity.kind === "anonymous") return;
  // An optional route is open to everyone, so a token of another organisation is no reason to refuse.
  if (route.route.auth === "required") requirePermission(identity, "functions:invoke", route.fn.function);
}

/** Chooses the revision: the pinned one for a caller that may deploy, else by weight. */
export function chooseRevision(admission: Admission, pin: string | undefined, random: number): void {
  const fn = admission.fn as FunctionEntry;
  if (pin === undefined) {
    admission.revision = requireServing(fn, pickRevision(fn, random));
    return;
  }
  const identity = admission.identity ?? ANONYMOUS;
  if (identity.org !== fn.org || !identity.permissions.has("functions:deploy")) {
    throw new PlatformError("forbidden", "choosing a revision needs the permission functions:deploy", {
      component,
      function: fn.function,
    });
  }
  admission.revision = requireServing(fn, pinnedRevision(fn, pin));
}

/** Takes `/v1/functions/{name}/invoke` of the identity's organisation. */
export function takeFunction(
  deps: AdmissionDependencies,
  admission: Admission,
  name: string,
  method: string,
  identity: Identity,
): void {
  admission.verified = true;
  admission.identity = identity;
  const fn = deps.routes.function(identity.org, name);
  if (fn === undefined) throw notFound("there is no function of that name in your organisation");
  admission.fn = fn;
  requirePermission(identity, "functions:invoke", name);
  if (identity.kind !== "platform" && method !== "POST") {
    throw new PlatformError("method_not_allowed", "functions are invoked with POST", {
      component,
      details: [{ path: "method", value: "POST", rule: "allowed" }],
    });
  }
}

/** The steps of admission that need no identity, or one that is cached. True where it is finished. */
export function admitNow(
  deps: AdmissionDependencies,
  admission: Admission,
  request: AdmissionRequest,
  memo: IdentityMemo | undefined,
  nowMs: number,
): boolean {
  const { fields, method, path } = request;
  if (deps.everyone !== undefined) {
    admitAs(deps, admission, request, deps.everyone(fields));
    return true;
  }
  const name = invokedFunction(path);
  if (name === undefined) {
    const found = findPath(deps.routes, path);
    if (!found.required) {
      const route = publicRoute(found, method);
      if (route.route.auth === "none" || !hasCredentials(fields)) {
        takeRoute(admission, route, ANONYMOUS);
        return true;
      }
    } else if (!hasCredentials(fields)) {
      const open = withMethod(found.routes, method, true);
      if (open === undefined) throw unauthenticated();
      takeRoute(admission, open, ANONYMOUS);
      return true;
    }
  } else if (!hasCredentials(fields)) {
    throw unauthenticated();
  }
  const identity = cachedIdentity(deps.authenticator, fields as Credentials, memo, nowMs);
  if (identity === undefined) return false;
  admitAs(deps, admission, request, identity);
  return true;
}

/** Admission once the caller is known. */
export function admitAs(
  deps: AdmissionDependencies,
  admission: Admission,
  request: AdmissionRequest,
  identity: Identity,
): void {
  const { method, path } = request;
  const name = invokedFunction(path);
  if (name !== undefined) {
    takeFunction(deps, admission, name, method, identity);
    return;
  }
  const found = findPath(deps.routes, path);
  const first = found.routes[0] as RouteEntry;
  // One owner, as nearly always: nothing to choose.
  const only = found.routes.length === 1 && first.fn.org === identity.org && first.methods.has(method);
  takeRoute(admission, only ? first : routeFor(deps.routes, path, method, identity.org), identity);
}

/**
 * Admission of a caller that must be asked about: `authenticate` may wait for the identity provider. Where a path
 * is open to all as well, bad credentials do not shut it: they are for the function then.
 */
export async function admitLater(
  deps: AdmissionDependencies,
  admission: Admission,
  request: AdmissionRequest,
): Promise<void> {
  const name = invokedFunction(request.path);
  const found = name === undefined ? findPath(deps.routes, request.path) : undefined;
  let identity: Identity | undefined;
  try {
    identity = await deps.authenticator.authenticate(request.fields);
    if (identity === undefined) throw unauthenticated();
  } catch (error) {
    const open = found && withMethod(found.routes, request.method, true);
    if (open?.route.auth !== "none") throw error;
    takeRoute(admission, open, ANONYMOUS);
    return;
  }
  admitAs(deps, admission, request, identity);
}
