export { type Cluster, openCluster } from "./open.ts";
export { helloImage, service } from "./test-support.ts";
