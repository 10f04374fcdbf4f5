import { removedNamespaces } from "../e2e/support/cluster.ts";
import { testCluster } from "../e2e/cluster/test-support.ts";
import { readyImages } from "./images/ready.ts";

/**
 * Before the tests on a cluster: one that runs, started where none does, and the runtime images, assembled where they
 * changed. Afterwards: waits until what their platforms made is gone.
 */
// oxlint-disable-next-line import/no-default-export -- vitest asks for it
export default async function setup(): Promise<() => Promise<void>> {
  const reason = await readyImages();
  if (reason !== undefined) throw new Error(`there are no runtime images: ${reason}`);
  const cluster = await testCluster();
  return () => removedNamespaces(cluster);
}
