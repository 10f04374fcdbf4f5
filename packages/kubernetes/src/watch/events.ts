import type { KubeObject } from "../objects.ts";
import { type KubeStatus, readStatus } from "../http/status.ts";

/** A line of a watch, understood. */
export type WatchEvent<T> =
  | { readonly type: "changed" | "deleted"; readonly object: T; readonly resourceVersion: string }
  | { readonly type: "bookmark"; readonly resourceVersion: string }
  | { readonly type: "error"; readonly status: KubeStatus };

/** Throws a `SyntaxError` at what is no event of a watch. */
export function readEvent<T extends KubeObject>(line: unknown): WatchEvent<T> {
  const { type, object } = (line ?? {}) as { readonly type?: unknown; readonly object?: T };
  if (type === "ERROR") return { type: "error", status: readStatus(500, JSON.stringify(object)) };
  const resourceVersion = object?.metadata?.resourceVersion;
  if (object === undefined || typeof resourceVersion !== "string") {
    throw new SyntaxError(`an event of type ${JSON.stringify(type)} without an object and its version`);
  }
  switch (type) {
    case "ADDED":
    case "MODIFIED":
      return { type: "changed", object, resourceVersion };
    case "DELETED":
      return { type: "deleted", object, resourceVersion };
    case "BOOKMARK":
      return { type: "bookmark", resourceVersion };
    default:
      throw new SyntaxError(`an event of the unknown type ${JSON.stringify(type)}`);
  }
}
