/**
 * Where an object's file lies below its bucket's folder. Every byte but `[a-z0-9._-]` is written `%xx`, so that no file
 * system confuses two keys, whatever it thinks of case and Unicode. A segment of more than 64 bytes becomes folders
 * ending in `+`, since a name may have 255 bytes; the last piece of a key ends in `,`, since a key may be a folder of
 * another one.
 */
const PIECE = 64;
const SAFE = /[^a-z0-9._-]/g;

const encode = (bytes: string): string =>
  bytes.replaceAll(SAFE, (char) => `%${char.charCodeAt(0).toString(16).padStart(2, "0")}`);

const decode = (name: string): string =>
  name.replaceAll(/%([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));

/** One character per byte of UTF-8: strings of them compare as S3 orders keys. */
export const toBytes = (text: string): string => Buffer.from(text).toString("latin1");
export const fromBytes = (bytes: string): string => Buffer.from(bytes, "latin1").toString();

/** The names from the bucket's folder to the object's file. */
export function pathOfKey(key: string): string[] {
  return [
    ...pathOfFolders(key.split("/").slice(0, -1)),
    ...piecesOf(key.slice(key.lastIndexOf("/") + 1), ","),
  ];
}

export function pathOfFolders(segments: readonly string[]): string[] {
  return segments.flatMap((segment) => piecesOf(segment, ""));
}

function piecesOf(segment: string, end: string): string[] {
  const bytes = toBytes(segment);
  const pieces: string[] = [];
  for (let at = 0; at < bytes.length; at += PIECE) pieces.push(encode(bytes.slice(at, at + PIECE)));
  return pieces.map((piece, i) => piece + (i === pieces.length - 1 ? end : "+"));
}

export interface Name {
  /** Bytes of the segment, or of a piece of it. */
  readonly bytes: string;
  readonly kind: "object" | "folder" | "piece";
}

export function parseName(name: string): Name {
  if (name.endsWith(",")) return { bytes: decode(name.slice(0, -1)), kind: "object" };
  if (name.endsWith("+")) return { bytes: decode(name.slice(0, -1)), kind: "piece" };
  return { bytes: decode(name), kind: "folder" };
}
