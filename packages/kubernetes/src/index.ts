export type { ClusterAccess, Credential, Credentials } from "./access/access.ts";
export {
  inClusterAccess,
  kubeconfigAccess,
  type InClusterSettings,
  type KubeconfigSettings,
} from "./access/load.ts";
export {
  createKubernetes,
  type Kubernetes,
  type KubernetesDependencies,
  type KubernetesOptions,
} from "./client.ts";
export { statusOf } from "./http/errors.ts";
export type { KubeStatus } from "./http/status.ts";
export type {
  ApplyOptions,
  DeleteOptions,
  Draft,
  ListQuery,
  ObjectCalls,
  ObjectList,
  Patch,
  WriteOptions,
} from "./object-calls.ts";
export {
  type Kind,
  type KubeObject,
  objectKey,
  type ObjectMeta,
  type ObjectRef,
  type OwnerReference,
} from "./objects.ts";
export type {
  AccessQuestion,
  PodLogsQuery,
  ServedResource,
  ServerCalls,
  ServerVersion,
} from "./server-calls.ts";
export type { Indexes, ObjectCache } from "./watch/cache.ts";
export type { ObjectWatch, Watches, WatchHandlers, WatchQuery } from "./watch/watch-objects.ts";
export { leadWhile, type LeaderDependencies, type LeaderSettings } from "./leader/lead.ts";
