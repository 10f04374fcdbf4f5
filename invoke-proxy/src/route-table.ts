import type { FunctionRoutes, HttpRoute, RoutedRevision } from "@hanzo-fn/contract";
import { canonicalPath } from "./path.ts";
import type { RateLimiter, RouteLimiter } from "./rate-limit.ts";

export interface RevisionEntry {
  readonly revision: RoutedRevision;
  /** `<org>/<revision name>`, the engine's key. */
  readonly key: string;
  /** The header lines that name function and revision. */
  readonly lines: string;
}

export interface RouteEntry {
  readonly fn: FunctionEntry;
  readonly route: HttpRoute;
  /** Methods of the route; HEAD comes with GET. */
  readonly methods: ReadonlySet<string>;
  readonly limiter: RouteLimiter | undefined;
}

/** One function as it is now; replaced whole by the next change, so a call that holds one sees no half change. */
export interface FunctionEntry {
  readonly org: string;
  readonly function: string;
  readonly generation: number;
  readonly revisions: readonly RevisionEntry[];
  readonly totalPercent: number;
  readonly routes: readonly RouteEntry[];
}

/** All routes with one path, of every organisation. */
export interface PathEntry {
  readonly routes: readonly RouteEntry[];
  /** True where a route of the path needs a token, so that the caller's organisation takes part in the choice. */
  readonly required: boolean;
}

export interface RouteTable {
  /** Takes a function's routes in, unless newer ones are here already. */
  upsert(routes: FunctionRoutes): void;
  remove(org: string, functionName: string): void;
  function(org: string, functionName: string): FunctionEntry | undefined;
  /** The most specific path that matches: the exact one, else the longest wildcard. `path` is canonical. */
  find(path: string): PathEntry | undefined;
  /** Every path that matches, most specific first. `path` is canonical. */
  findAll(path: string): PathEntry[];
  readonly size: number;
}

const NO_ROUTES: readonly RouteEntry[] = [];

interface PathTable {
  get(path: string): PathEntry | undefined;
  add(path: string, route: RouteEntry): void;
  remove(path: string, route: RouteEntry): void;
}

function createPathTable(): PathTable {
  const paths = new Map<string, PathEntry>();
  const put = (path: string, routes: readonly RouteEntry[]): void => {
    if (routes.length === 0) paths.delete(path);
    else paths.set(path, { routes, required: routes.some(({ route }) => route.auth === "required") });
  };
  return {
    get: (path) => paths.get(path),
    add: (path, route) => put(path, [...(paths.get(path)?.routes ?? NO_ROUTES), route]),
    remove: (path, route) =>
      put(
        path,
        (paths.get(path)?.routes ?? NO_ROUTES).filter((other) => other !== route),
      ),
  };
}

function methodsOf(route: HttpRoute): ReadonlySet<string> {
  const methods = new Set(route.methods);
  if (methods.has("GET")) methods.add("HEAD");
  return methods;
}

/** Slashes of a wildcard's prefix: `/a/b/*` has 3. */
function depthOf(prefix: string): number {
  return prefix.split("/").length - 1;
}

/** Where HTTP requests go, in memory. A change costs the size of the function that changed, not of the table. */
export function createRouteTable(deps: { readonly limiter: RateLimiter }): RouteTable {
  const functions = new Map<string, FunctionEntry>();
  const exact = createPathTable();
  const wildcard = createPathTable();
  /** Wildcards per depth, so that a path of a thousand segments costs no thousand look-ups. */
  const depths: number[] = [];

  const place = (route: RouteEntry, add: boolean): void => {
    const path = canonicalPath(route.route.path) ?? route.route.path;
    if (!path.endsWith("/*")) {
      exact[add ? "add" : "remove"](path, route);
      return;
    }
    const prefix = path.slice(0, -1);
    wildcard[add ? "add" : "remove"](prefix, route);
    const depth = depthOf(prefix);
    depths[depth] = (depths[depth] ?? 0) + (add ? 1 : -1);
  };
  const triggerKey = (org: string, functionName: string, route: HttpRoute): string =>
    `${org}/${functionName}/${route.triggerId}`;

  const build = (routes: FunctionRoutes): FunctionEntry => {
    const made: RouteEntry[] = [];
    const fn: FunctionEntry = {
      org: routes.org,
      function: routes.function,
      generation: routes.generation,
      revisions: routes.revisions.map((revision) => ({
        revision,
        key: `${routes.org}/${revision.name}`,
        lines: `X-Function-Name: ${routes.function}\r\nX-Function-Revision: ${revision.name}\r\n`,
      })),
      totalPercent: routes.revisions.reduce((sum, { percent }) => sum + percent, 0),
      routes: made,
    };
    for (const route of routes.routes) {
      const limiter =
        route.rateLimit &&
        deps.limiter.forRoute(triggerKey(routes.org, routes.function, route), route.rateLimit);
      made.push({ fn, route, methods: methodsOf(route), limiter });
    }
    return fn;
  };

  const wildcards = (path: string, found: PathEntry[], limit: number): void => {
    let slash = 0;
    const starts: number[] = [];
    for (let depth = 1; depth < depths.length && slash !== -1; depth++) {
      slash = path.indexOf("/", depth === 1 ? 0 : slash + 1);
      if (slash !== -1 && (depths[depth] ?? 0) > 0) starts.push(slash);
    }
    while (starts.length > 0 && found.length < limit) {
      const entry = wildcard.get(path.slice(0, (starts.pop() as number) + 1));
      if (entry) found.push(entry);
    }
  };
  const findAll = (path: string, limit: number): PathEntry[] => {
    const found: PathEntry[] = [];
    const entry = exact.get(path);
    if (entry) found.push(entry);
    if (found.length < limit) wildcards(path, found, limit);
    return found;
  };

  return {
    upsert(routes) {
      const key = `${routes.org}/${routes.function}`;
      const before = functions.get(key);
      if (before && before.generation > routes.generation) return;
      const entry = build(routes);
      functions.set(key, entry);
      for (const route of before?.routes ?? []) place(route, false);
      for (const route of entry.routes) place(route, true);
      for (const { route } of before?.routes ?? []) {
        if (!entry.routes.some((now) => now.limiter && now.route.triggerId === route.triggerId)) {
          deps.limiter.forget(triggerKey(routes.org, routes.function, route));
        }
      }
    },
    remove(org, functionName) {
      const key = `${org}/${functionName}`;
      for (const route of functions.get(key)?.routes ?? []) {
        place(route, false);
        deps.limiter.forget(triggerKey(org, functionName, route.route));
      }
      functions.delete(key);
    },
    function: (org, functionName) => functions.get(`${org}/${functionName}`),
    find: (path) => exact.get(path) ?? findAll(path, 1)[0],
    findAll: (path) => findAll(path, Infinity),
    get size() {
      return functions.size;
    },
  };
}
