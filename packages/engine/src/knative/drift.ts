import { parseCpu, parseQuantity } from "@hanzo-fn/contract";
import type { KubeObject } from "./kube.ts";
import { MANAGED_BY } from "./labels.ts";

/** The API server writes `1000m` as `1`, and takes numbers for texts. */
const QUANTITY = /\b(requests|limits|hard|defaultRequest)\.|\bsizeLimit$/;

function sameQuantity(a: unknown, b: unknown): boolean {
  const [first, second] = [String(a), String(b)];
  const cpu = [parseCpu(first), parseCpu(second)];
  if (cpu[0] !== undefined && cpu[0] === cpu[1]) return true;
  const bytes = [parseQuantity(first), parseQuantity(second)];
  return bytes[0] !== undefined && bytes[0] === bytes[1];
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function compareLists(wanted: readonly unknown[], live: unknown, path: string): string[] {
  if (!Array.isArray(live)) return [path];
  // Others may own the object too; the list is merged by uid.
  if (path.endsWith("ownerReferences")) {
    const all = wanted.every((item) => live.some((other) => differences(item, other).length === 0));
    return all ? [] : [path];
  }
  if (live.length !== wanted.length) return [path];
  return wanted.flatMap((item, index) => differences(item, live[index], `${path}[${index}]`));
}

/**
 * The paths at which `live` is not what was sent. Fields that only `live` has are defaults, status or somebody else's,
 * and no difference.
 */
export function differences(wanted: unknown, live: unknown, path = ""): string[] {
  if (Array.isArray(wanted)) return compareLists(wanted, live, path);
  if (!isMap(wanted)) {
    if (wanted === live) return [];
    return QUANTITY.test(path) && sameQuantity(wanted, live) ? [] : [path];
  }
  if (!isMap(live)) return [path];
  return Object.entries(wanted).flatMap(([key, value]) =>
    differences(value, live[key], path === "" ? key : `${path}.${key}`),
  );
}

export interface WatchEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: KubeObject & {
    readonly metadata: { readonly deletionTimestamp?: string | undefined };
  };
}

/**
 * What a watch event of one of our objects asks for. Server-side apply alone repairs nothing: it has to be sent again.
 * - `reapply`: it is gone, or was edited. An object that lost our label leaves the watch's selector, which is DELETED too.
 * - `wait`: it is being deleted; its DELETED follows.
 * - `remove`: nobody wishes for it.
 * - `ignore`: it is as it was sent. Knative repairs what it owns itself (Deployments, autoscalers, its Services).
 */
export function onEvent(
  event: WatchEvent,
  wanted: KubeObject | undefined,
): "reapply" | "wait" | "remove" | "ignore" {
  const { type, object } = event;
  if (type === "DELETED") return wanted === undefined ? "ignore" : "reapply";
  if (object.metadata.deletionTimestamp !== undefined) return "wait";
  if (wanted === undefined) {
    return differences(MANAGED_BY, object.metadata.labels ?? {}).length === 0 ? "remove" : "ignore";
  }
  return differences(wanted, object).length === 0 ? "ignore" : "reapply";
}
