import { randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type CgroupMount, findMemoryGroups } from "./cgroup.ts";
import { startTime } from "./processes.ts";

/** A platform's own control group; its instances have theirs below it. */
export interface MemoryRoot {
  readonly kind: "cgroup1" | "cgroup2";
  readonly root: string;
}

/** A process, for good: pids are used again, and mean something else in another namespace. */
interface Owner {
  readonly namespace: string;
  readonly pid: number;
  readonly startTime: string;
}

const LIMIT_FILE = { cgroup1: "memory.limit_in_bytes", cgroup2: "memory.max" } as const;
const NAME = /^hanzo-fn-(?<namespace>\d+)-(?<pid>\d+)-(?<startTime>\d+)-[0-9a-f]+$/;

function pidNamespace(): string {
  return readlinkSync("/proc/self/ns/pid").replaceAll(/\D/g, "");
}

/** The process that made a group of this name; undefined for what is no group of a platform's. */
export function ownerOf(name: string): Owner | undefined {
  const groups = NAME.exec(name)?.groups as Record<keyof Owner, string> | undefined;
  return groups && { ...groups, pid: Number(groups.pid) };
}

function removeEmpty(dir: string): void {
  try {
    rmdirSync(dir);
  } catch {
    // Still busy, or gone already.
  }
}

/** Removes a platform's own group and the groups in it. What still holds a process stays. */
export function closeMemoryRoot(root: string): void {
  try {
    for (const entry of readdirSync(root, { withFileTypes: true }))
      if (entry.isDirectory()) removeEmpty(join(root, entry.name));
  } catch {
    // Another platform that starts removes the same ones.
  }
  removeEmpty(root);
}

/** Removes what platforms left that were killed: a kernel has 65,535 groups at most, and empty ones count. */
function sweep(dir: string, namespace: string): void {
  for (const name of readdirSync(dir)) {
    const owner = ownerOf(name);
    const isDead = owner?.namespace === namespace && startTime(owner.pid) !== owner.startTime;
    if (isDead) closeMemoryRoot(join(dir, name));
  }
}

function usable(mount: CgroupMount, name: string): string | undefined {
  const root = join(mount.dir, name);
  const probe = join(root, "probe");
  try {
    mkdirSync(root, { recursive: true });
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
  removeEmpty(root);
  return undefined;
}

/**
 * Makes a control group for this process's instances, and removes those of platforms that are no more. Undefined where
 * no memory hierarchy is writable.
 */
export function openMemoryRoot(): MemoryRoot | undefined {
  let mounts: readonly CgroupMount[];
  let namespace: string;
  const started = startTime(process.pid);
  if (started === undefined) return undefined;
  try {
    namespace = pidNamespace();
    mounts = findMemoryGroups(
      readFileSync("/proc/self/mountinfo", "utf8"),
      readFileSync("/proc/self/cgroup", "utf8"),
    );
  } catch {
    return undefined;
  }
  const name = `hanzo-fn-${namespace}-${process.pid}-${started}-${randomBytes(4).toString("hex")}`;
  for (const mount of mounts) {
    if (!existsSync(mount.dir)) continue;
    const root = usable(mount, name);
    if (root === undefined) continue;
    sweep(mount.dir, namespace);
    return { kind: mount.kind, root };
  }
  return undefined;
}
