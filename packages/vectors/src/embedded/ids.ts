import { PlatformError } from "@hanzo-fn/contract";
import type { RowId } from "@hanzo-fn/contract/layer";
import { paddedId, type VectorIdType } from "@hanzo-fn/store";

const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

function typeOf(id: RowId): VectorIdType {
  if (typeof id === "number") return "uint";
  return UUID.test(id) ? "uuid" : "string";
}

/**
 * The type of ids that a namespace has after these are written to it; ids of two types have no order. Text that looks
 * like a UUID is text in a namespace of text, and one of UUIDs becomes one of text.
 */
export function idTypeWith(known: VectorIdType | null, ids: Iterable<RowId>): VectorIdType | null {
  let type = known;
  for (const id of ids) {
    const found = typeOf(id);
    if (type === null) type = found;
    else if ((type === "uint") !== (found === "uint")) {
      throw new PlatformError(
        "validation_error",
        `the id ${JSON.stringify(id)} is ${found === "uint" ? "a number" : "text"}, and the namespace's ids are ${type === "uint" ? "numbers" : "text"}`,
        { component: "layer", next: "write rows with ids of one type, or to another namespace" },
      );
    } else if (found === "string") type = "string";
  }
  return type;
}

/** As rows keep it. */
export function storedId(id: RowId): string {
  return typeof id === "number" ? paddedId(id) : id;
}

/** As it was written. */
export function writtenId(id: string, type: VectorIdType | null): RowId {
  return type === "uint" ? Number(id) : id;
}
