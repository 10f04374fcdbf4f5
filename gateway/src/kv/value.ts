import { type Fields, fieldsOf, onlyFields } from "../fields.ts";
import { badRequest, refuse } from "../refuse.ts";

export const MAX_VALUE_BYTES = 1024 * 1024;

/** A value on the wire: its text where the bytes are UTF-8, else base64. */
export type WireValue = { readonly text: string } | { readonly base64: string };

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

export function toWire(bytes: Uint8Array): WireValue {
  try {
    return { text: decoder.decode(bytes) };
  } catch {
    return { base64: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64") };
  }
}

function read(fields: Fields): Buffer {
  onlyFields(fields, ["text", "base64"]);
  const { text, base64 } = fields;
  if (typeof text === "string" && base64 === undefined) {
    if (!text.isWellFormed()) throw badRequest("a text has a lone surrogate: send the value as base64");
    return Buffer.from(text, "utf8");
  }
  if (typeof base64 === "string" && text === undefined && BASE64.test(base64))
    return Buffer.from(base64, "base64");
  throw badRequest('a value is {"text": "..."} or {"base64": "..."}');
}

export function fromWire(value: unknown): Buffer {
  const bytes = read(fieldsOf(value, "a value"));
  if (bytes.length <= MAX_VALUE_BYTES) return bytes;
  throw refuse(
    "payload_too_large",
    `a value may have ${MAX_VALUE_BYTES} bytes, this one has ${bytes.length}`,
  );
}
