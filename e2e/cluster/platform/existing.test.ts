import { expect, test } from "vitest";
import { existingCluster } from "./existing.ts";

const cache = "/home/somebody/.cache/cluster";
const whole = { KUBECONFIG: "/k", CLUSTER_REGISTRY: "registry:5000", CLUSTER_HOST_ADDRESS: "10.0.0.1" };

test("KUBECONFIG names another cluster, unless it is that of one of ours", () => {
  expect(existingCluster({}, cache)).toBeUndefined();
  expect(existingCluster({ KUBECONFIG: "" }, cache)).toBeUndefined();
  expect(existingCluster({ KUBECONFIG: `${cache}/run/main/kubeconfig` }, cache)).toBeUndefined();
  expect(existingCluster(whole, cache)?.registry).toEqual({
    inside: "registry:5000",
    outside: "http://registry:5000",
  });
  const url = "https://registry.example";
  expect(existingCluster({ ...whole, CLUSTER_REGISTRY_URL: url }, cache)?.registry.outside).toBe(url);
});

test("a cluster whose registry or way to this machine is not named is refused with the variables that name them", () => {
  expect(() => existingCluster({ KUBECONFIG: "/k" }, cache)).toThrow("CLUSTER_REGISTRY");
  expect(() => existingCluster({ ...whole, CLUSTER_HOST_ADDRESS: undefined }, cache)).toThrow(
    "CLUSTER_HOST_ADDRESS",
  );
});
