import { existsSync, mkdirSync, readFileSync, readdirSync, rmdirSync, writeFileSync } from "node:fs";
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

const LIMIT_FILE = { cgroup1: "memory.limit_in_bytes", cgroup2: "memory.max" } as const;

function usable(mount: CgroupMount, name: string): string | undefined {
  const root = join(mount.dir, name);
  const probe = join(root, "probe");
  try {
    mkdirSync(root, { recursive: true });
    removeChildren(root);
    if (mount.kind === "cgroup2") {
      for (const dir of [mount.dir, root]) {
        const control = join(dir, "cgroup.subtree_control");
        if (!readFileSync(control, "utf8").includes("memory")) writeFileSync(control, "+memory");
      }
    }
    mkdirSync(probe, { recursive: true });
    const works = existsSync(join(probe, LIMIT_FILE[mount.kind]));
    if (works) writeFileSync(join(probe, LIMIT_FILE[mount.kind]), String(64 * 1024 * 1024));
    rmdirSync(probe);
    if (works) return root;
  } catch {
    // Not ours to write: the next one, or the watch on resident size.
  }
  try {
    rmdirSync(root);
  } catch {
    // It was there before, or was never made.
  }
  return undefined;
}

/** Makes the platform's own group, the same one for the same name, or says undefined where no memory hierarchy is writable. */
export function openMemoryRoot(name: string): { kind: "cgroup1" | "cgroup2"; root: string } | undefined {
  let mounts: readonly CgroupMount[];
  try {
    mounts = findMemoryGroups(
      readFileSync("/proc/self/mountinfo", "utf8"),
      readFileSync("/proc/self/cgroup", "utf8"),
    );
  } catch {
    return undefined;
  }
  for (const mount of mounts) {
    if (!existsSync(mount.dir)) continue;
    const root = usable(mount, name);
    if (root !== undefined) return { kind: mount.kind, root };
  }
  return undefined;
}

function removeEmpty(dir: string): void {
  try {
    rmdirSync(dir);
  } catch {
    // Still busy, or gone already.
  }
}

/** Groups that a killed platform left; one that still holds a process stays. */
function removeChildren(root: string): void {
  for (const entry of readdirSync(root, { withFileTypes: true })) {
    if (entry.isDirectory()) removeEmpty(join(root, entry.name));
  }
}

/** Removes the platform's own group and the empty groups in it. */
export function closeMemoryRoot(root: string): void {
  if (!existsSync(root)) return;
  removeChildren(root);
  removeEmpty(root);
}
