import { expect, test } from "vitest";
import { buildKey } from "./build.ts";
import { kubernetesModule, requiredVersions } from "./modules.ts";

const inputs = new Map([
  ["/go.mod", Buffer.from("module a")],
  ["/go.sum", Buffer.from("sum")],
]);

test("the same inputs are the same build, in whatever order they are found", () => {
  const key = buildKey(inputs, "-s", "go1.26.8\namd64\n");
  expect(buildKey(new Map([...inputs].toReversed()), "-s", "go1.26.8\namd64")).toBe(key);
  expect(key).toMatch(/^[0-9a-f]{16}$/);
});

test("another go.sum, other flags and another Go are other builds", () => {
  const keys = [
    buildKey(inputs, "-s", "go1.26.8"),
    buildKey(new Map([...inputs, ["/go.sum", Buffer.from("other")]]), "-s", "go1.26.8"),
    buildKey(inputs, "-w", "go1.26.8"),
    buildKey(inputs, "-s", "go1.26.9"),
  ];
  expect(new Set(keys).size).toBe(keys.length);
});

test("versions come from the lines of go.mod, alone or in a block, and Kubernetes' programs are told theirs", () => {
  const versions = requiredVersions(
    "module m\n\nrequire k8s.io/kubernetes v1.35.4 // indirect\n\nrequire (\n\tgo.uber.org/zap v1.27.0 // indirect\n\tk8s.io/api v0.35.4\n)\n",
  );
  expect([...versions]).toEqual([
    ["k8s.io/kubernetes", "v1.35.4"],
    ["go.uber.org/zap", "v1.27.0"],
    ["k8s.io/api", "v0.35.4"],
  ]);
  const flags = kubernetesModule.ldflags(versions);
  expect(flags).toContain("-X k8s.io/component-base/version.gitVersion=v1.35.4");
  expect(flags).toContain("-X k8s.io/component-base/version.gitMinor=35");
});
