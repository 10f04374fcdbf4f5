import { join } from "node:path";

export interface CgroupMount {
  readonly kind: "cgroup1" | "cgroup2";
  /** The directory of the platform's own group. */
  readonly dir: string;
}

/**
 * Where this process stands in the memory hierarchy, by /proc/self/mountinfo and /proc/self/cgroup (cgroups(7)).
 * The v1 memory controller comes first: where it is mounted, v2 does not have the controller.
 */
export function findMemoryGroups(mountinfo: string, cgroup: string): readonly CgroupMount[] {
  const own = (controller: string): string | undefined =>
    cgroup
      .split("\n")
      .map((line) => line.split(":"))
      .find(([, names]) => (names ?? "").split(",").includes(controller))
      ?.slice(2)
      .join(":");
  const found: CgroupMount[] = [];
  for (const line of mountinfo.split("\n")) {
    const [before, after] = line.split(" - ");
    const [, , , mountRoot, mountPoint] = (before ?? "").split(" ");
    const [type, , superOptions] = (after ?? "").split(" ");
    if (mountRoot === undefined || mountPoint === undefined) continue;
    const isV1 = type === "cgroup" && (superOptions ?? "").split(",").includes("memory");
    if (!isV1 && type !== "cgroup2") continue;
    const path = own(isV1 ? "memory" : "");
    if (path === undefined) continue;
    // In a container the mount shows a part of the hierarchy only: what is above it is cut off.
    const below = mountRoot !== "/" && path.startsWith(mountRoot) ? path.slice(mountRoot.length) : path;
    const candidates = [join(mountPoint, below), mountPoint];
    for (const dir of candidates) found.push({ kind: isV1 ? "cgroup1" : "cgroup2", dir });
  }
  return found.sort((a, b) => a.kind.localeCompare(b.kind));
}
