export { requiredAccess } from "./check/access.ts";
export { collectFacts, type CollectDependencies, type CollectOptions } from "./check/collect.ts";
export type { Access, ClusterFacts, Finding, NodeFacts, RegistryFact } from "./check/facts.ts";
export { checkCluster } from "./check/findings.ts";
export {
  createKnativeDeployer,
  type KnativeDeployer,
  type KnativeDeployerDependencies,
  type KnativeDeployerOptions,
} from "./deployer/deployer.ts";
export { differences, onEvent, type WatchEvent } from "./drift.ts";
export { refusedRequest, type ApiStatus } from "./explain/admission.ts";
export { explain, type Explained, type Observed } from "./explain/explain.ts";
export type { ClusterEvent, Condition, Conditioned, ContainerStatus, Pod } from "./explain/live.ts";
export type { Subject, Verdict } from "./explain/verdict.ts";
export { imagesToRemove, revisionsToRemove, type KeptRevision, type StoredImage } from "./garbage.ts";
export type { GatewayTokens } from "./deployer/gateway-tokens.ts";
export { gatewayResources, gatewayUrl } from "./gateway.ts";
export {
  createKnativeIngress,
  type KnativeIngressDeps,
  type KnativeIngressSettings,
} from "./ingress/ingress.ts";
export { ingressResources } from "./ingress/resources.ts";
export {
  createKnativeInstances,
  type KnativeInstances,
  type KnativeInstancesDeps,
  type KnativeInstancesSettings,
  type KnownRevisions,
} from "./instances/instances.ts";
export * from "./kube.ts";
export { FUNCTION_LABEL, MANAGED_BY_SELECTOR, ORG_ANNOTATION, ORG_LABEL, REVISION_LABEL } from "./labels.ts";
export { gatewaySecretName, nameProblem, namespaceOf, ownName, revisionNumber, tagOf } from "./names.ts";
export { checkNamespace, organisationResources } from "./namespace.ts";
export { plan, type LiveFunction, type LiveService, type ObjectRef, type Plan, type Step } from "./plan.ts";
export { createPlatformServices, type PlatformServicesDeps } from "./platform-services.ts";
export { createPodLogs, type PodLogsDeps, type PodLogsOptions } from "./pod-logs/pod-logs.ts";
export type { LogSubject } from "./pod-logs/subject.ts";
export { egressWarnings } from "./policies.ts";
export type { Published, Publisher } from "./publish.ts";
export { resources } from "./resources.ts";
export type { MergePatch } from "./scaling.ts";
export { rotation, secretData, type LiveDeployment, type LiveSecret, type RestartPatch } from "./secrets.ts";
export { knativeSettings, type KnativeSettings, type Toleration } from "./settings.ts";
export { trafficTargets, type TrafficTarget } from "./traffic.ts";
export type { FunctionWish, RevisionWish } from "./wish.ts";
