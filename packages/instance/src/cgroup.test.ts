import { describe, expect, it } from "vitest";
import { findMemoryGroups } from "./cgroup.ts";

const V1 = "35 30 0:31 / /sys/fs/cgroup/memory rw,nosuid - cgroup cgroup rw,memory";
const V2 = "31 24 0:27 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate";

describe("the memory hierarchy", () => {
  it("is the unified one where that is mounted", () => {
    expect(findMemoryGroups(V2, "0::/user.slice/app.scope\n")[0]).toEqual({
      kind: "cgroup2",
      dir: "/sys/fs/cgroup/user.slice/app.scope",
    });
  });

  it("is the v1 controller where both are mounted, for v2 lacks it then", () => {
    const hybrid = `${V2.replace("/sys/fs/cgroup ", "/sys/fs/cgroup/unified ")}\n${V1}`;
    const found = findMemoryGroups(hybrid, "4:memory:/a/b\n0::/\n");
    expect(found[0]).toEqual({ kind: "cgroup1", dir: "/sys/fs/cgroup/memory/a/b" });
    expect(found.at(-1)?.kind).toBe("cgroup2");
  });

  it("leaves out what a container does not see of the path", () => {
    const mount = V1.replace(" / /sys", " /docker/abc /sys");
    expect(findMemoryGroups(mount, "4:memory:/docker/abc/sub\n")[0]?.dir).toBe("/sys/fs/cgroup/memory/sub");
  });

  it("is nowhere without a mount", () => {
    expect(findMemoryGroups("", "0::/\n")).toEqual([]);
  });
});
