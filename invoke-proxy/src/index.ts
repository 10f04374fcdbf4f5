export type { AccessEntry, Observer } from "./access.ts";
export type { InvokeRequest, InvokeResponse, InvokeTrigger } from "./in-process.ts";
export {
  createInvoker,
  createProxyServer,
  type Invoker,
  type InvokerDependencies,
  type InvokerOptions,
  type ProxyOptions,
} from "./invoker.ts";
export { canonicalPath } from "./path.ts";
export type { ProxyServer } from "./server.ts";
export { createRouteFeed, functionRoutes, type RouteFeed } from "./route-feed.ts";
export { createRateLimiter, type RateLimiter } from "./rate-limit.ts";
export { createRouteTable, type RouteTable } from "./route-table.ts";
