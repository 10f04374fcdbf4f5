import type { AttributeValue, Scalar } from "./filter.ts";
import { isMap } from "../document/is-map.ts";
import { refuseValue } from "./refuse.ts";
import { storableText } from "./text.ts";

/** A whole number from 0 to 2^53 - 1, a UUID, or text of 1 to 64 bytes; those of a namespace are of one kind. */
export type RowId = string | number;

/** What of a row is written. */
export interface WrittenRow {
  readonly id: RowId;
  /** Usually one; several of a row are compared as late interaction does. Absent where the row is not about vectors. */
  readonly vectors?: readonly Float32Array[] | undefined;
  /** Null removes one. */
  readonly attributes: Readonly<Record<string, AttributeValue>>;
}

export const VECTOR = "vector";
const MAX_ID_BYTES = 64;
const MAX_DIMENSIONS = 10_752;
const MAX_ATTRIBUTE_NAME = 128;
/** Stamps that the platform writes itself. */
const RESERVED = /^_hevlayer_|^\$/;

export function readRowId(value: unknown, at: string): RowId {
  if (typeof value === "number") {
    if (Number.isSafeInteger(value) && value >= 0) return value;
    return refuseValue(at, "must be a whole number from 0 to 2^53 - 1 where it is a number");
  }
  if (typeof value !== "string") return refuseValue(at, "must be a string or a whole number");
  const bytes = Buffer.byteLength(value);
  if (bytes === 0 || bytes > MAX_ID_BYTES)
    return refuseValue(at, `must have 1 to ${MAX_ID_BYTES} bytes; this has ${bytes}`);
  if (storableText(value) !== value) return refuseValue(at, "must be text without NUL");
  return value;
}

function readVector(value: unknown, at: string): Float32Array {
  if (typeof value === "string") return fromBase64(value, at);
  if (!Array.isArray(value))
    return refuseValue(at, "must be a list of numbers, or their 32-bit floats in base64");
  const vector = new Float32Array(value.length);
  for (const [i, one] of value.entries()) {
    if (typeof one !== "number") return refuseValue(`${at}[${i}]`, "must be a finite number");
    vector[i] = one;
  }
  return checked(vector, at);
}

function fromBase64(text: string, at: string): Float32Array {
  const bytes = Buffer.from(text, "base64");
  if (bytes.length % 4 !== 0 || bytes.toString("base64").replace(/=+$/, "") !== text.replace(/=+$/, ""))
    return refuseValue(at, "must be 32-bit floats, little endian, in base64");
  return checked(new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)), at);
}

function checked(vector: Float32Array, at: string): Float32Array {
  if (vector.length === 0 || vector.length > MAX_DIMENSIONS)
    return refuseValue(at, `must have 1 to ${MAX_DIMENSIONS} dimensions; this has ${vector.length}`);
  const wrong = vector.findIndex((one) => !Number.isFinite(one));
  return wrong === -1 ? vector : refuseValue(`${at}[${wrong}]`, "must be a finite number that 32 bits hold");
}

/** One vector, or a list of them. */
export function readVectors(value: unknown, at: string): Float32Array[] {
  if (Array.isArray(value) && Array.isArray(value[0])) {
    const vectors = value.map((one, i) => readVector(one, `${at}[${i}]`));
    const odd = vectors.findIndex((one) => one.length !== vectors[0]?.length);
    return odd === -1
      ? vectors
      : refuseValue(`${at}[${odd}]`, "must have as many dimensions as those before it");
  }
  return [readVector(value, at)];
}

function readScalar(value: unknown, at: string): Scalar {
  if (typeof value === "string") return storableText(value);
  if (typeof value === "boolean" || (typeof value === "number" && Number.isFinite(value))) return value;
  return refuseValue(at, "must be null, a string, a finite number, true, false or a list of them");
}

function readAttribute(value: unknown, at: string): AttributeValue {
  if (value === null || value === undefined) return null;
  if (!Array.isArray(value)) return readScalar(value, at);
  const list = value.map((one, i) => readScalar(one, `${at}[${i}]`));
  const odd = list.findIndex((one) => typeof one !== typeof list[0]);
  return odd === -1 ? list : refuseValue(`${at}[${odd}]`, "must be of the type of those before it");
}

export function requireAttributeName(name: string, at: string): void {
  if (name === "" || name.length > MAX_ATTRIBUTE_NAME)
    refuseValue(at, `must have names of 1 to ${MAX_ATTRIBUTE_NAME} characters`);
  if (storableText(name) !== name) refuseValue(at, "must have names without NUL");
  if (RESERVED.test(name)) refuseValue(`${at}.${name}`, "is a name that the platform keeps for itself");
}

export function readAttributes(
  given: Readonly<Record<string, unknown>>,
  at: string,
): Record<string, AttributeValue> {
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => {
      requireAttributeName(name, at);
      return [name, readAttribute(value, `${at}.${name}`)];
    }),
  );
}

/** `{id, vector?, …attributes}` */
export function readRow(value: unknown, at: string): WrittenRow {
  if (!isMap(value)) return refuseValue(at, "must be a row: {id, vector, …}");
  const { id, [VECTOR]: vector, ...rest } = value;
  const read = { id: readRowId(id, `${at}.id`), attributes: readAttributes(rest, at) };
  return vector === undefined || vector === null
    ? read
    : { ...read, vectors: readVectors(vector, `${at}.${VECTOR}`) };
}

/** `{id: […], vector: […], …}`, as many of each as there are rows. */
export function readColumns(value: unknown, at: string): WrittenRow[] {
  if (!isMap(value) || !Array.isArray(value["id"])) return refuseValue(at, "must be columns: {id: [...], …}");
  const { length } = value["id"];
  for (const [name, column] of Object.entries(value)) {
    if (!Array.isArray(column) || column.length !== length)
      return refuseValue(`${at}.${name}`, `must be a list of ${length}, one value for each id`);
  }
  const columns = value as Readonly<Record<string, readonly unknown[]>>;
  return Array.from({ length }, (_, i) =>
    readRow(
      Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, column[i]])),
      `${at}[${i}]`,
    ),
  );
}
