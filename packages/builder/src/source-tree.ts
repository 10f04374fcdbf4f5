/** The rules for what a source tree may hold: used where an archive comes in, and again where it is unpacked. */

const CONTROL = /\p{Cc}/u;
const MAX_SEGMENT_BYTES = 255;

/** What is wrong with a path inside a source tree, in words; undefined where it is good. */
export function pathProblem(path: string, maxBytes: number): string | undefined {
  if (path === "") return "a path must not be empty";
  if (path.includes("\uFFFD")) return "a path must be valid UTF-8";
  if (CONTROL.test(path)) return "a path must not hold control characters";
  if (path.includes("\\")) return "a path must not hold backslashes";
  if (path.startsWith("/") || /^[A-Za-z]:\//.test(path)) return "a path must be relative";
  const segments = path.split("/");
  if (segments.includes("..")) return "a path must not leave the source directory";
  if (segments.includes(".") || segments.includes("")) return "a path must not hold empty parts or dots";
  if (Buffer.byteLength(path) > maxBytes) return `a path must not be longer than ${maxBytes} bytes`;
  if (segments.some((segment) => Buffer.byteLength(segment) > MAX_SEGMENT_BYTES))
    return `a name must not be longer than ${MAX_SEGMENT_BYTES} bytes`;
  return undefined;
}

/**
 * What is wrong with a symbolic link. `..` may stand at the start only: after a name that is itself a link it
 * would climb from where that link leads, which is not where the text says.
 */
export function linkProblem(path: string, target: string): string | undefined {
  if (target === "" || target.includes("\uFFFD") || CONTROL.test(target) || target.includes("\\"))
    return "a link's target must be a plain relative path";
  if (target.startsWith("/") || /^[A-Za-z]:\//.test(target)) return "a link's target must be relative";
  const parts = target.replace(/\/$/, "").split("/");
  const climbs = parts.findIndex((part) => part !== ".." && part !== ".");
  const rest = climbs === -1 ? [] : parts.slice(climbs);
  if (rest.includes("..") || rest.includes("."))
    return "a link's target must not climb after it has descended";
  const up = parts.filter((part) => part === "..").length;
  return up > path.split("/").length - 1 ? "a link must not leave the source directory" : undefined;
}

/** Every directory above `path`, the outermost first. */
export function parentsOf(path: string): readonly string[] {
  const segments = path.split("/");
  return segments.slice(1).map((_, index) => segments.slice(0, index + 1).join("/"));
}
