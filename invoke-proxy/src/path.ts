const UNRESERVED = /[A-Za-z0-9\-._~]/;
/** Nothing in it has a second reading: no escape, no empty segment, no segment that begins with a dot. */
const SUSPECT = /%|\/\/|\/\./;
const DOT_SEGMENT = /\/\.{1,2}(?:\/|$)/;
const EMPTY_SEGMENT = /\/\//;
const ESCAPE = /%([0-9A-Fa-f]{2})/g;
const BAD_ESCAPE = /%(?![0-9A-Fa-f]{2})/;

/**
 * The spelling that paths are compared by: escapes of unreserved characters undone, all others upper case
 * (RFC 3986, 6.2.2). Undefined for a path that two servers may read as two paths: dot segments and empty
 * segments, also where they show only once an escaped slash is decoded, and escaped NUL or backslash.
 */
export function canonicalPath(path: string): string | undefined {
  if (path.charCodeAt(0) !== 0x2f) return undefined;
  if (!SUSPECT.test(path)) return path;
  if (BAD_ESCAPE.test(path)) return undefined;
  const canonical = path.replaceAll(ESCAPE, (escape, digits: string) => {
    const character = String.fromCharCode(Number.parseInt(digits, 16));
    return UNRESERVED.test(character) ? character : escape.toUpperCase();
  });
  if (canonical.includes("%00") || canonical.includes("%5C")) return undefined;
  const decoded = canonical.replaceAll("%2F", "/");
  if (DOT_SEGMENT.test(decoded) || EMPTY_SEGMENT.test(decoded)) return undefined;
  return canonical;
}

/** Paths of the runtime contract's control calls; no client may reach one. `path` is canonical. */
export function isPlatformPath(path: string): boolean {
  if (!path.startsWith("/.hanzo")) return false;
  return path.length === 7 || path[7] === "/" || path.startsWith("%2F", 7);
}

const INVOKE_PREFIX = "/v1/functions/";
const INVOKE_SUFFIX = "/invoke";
const ASYNC_SUFFIX = "/invoke-async";

/** Whether a path that `invokedFunction` knows asks for a call later. */
export function isAsyncPath(path: string): boolean {
  return path.endsWith(ASYNC_SUFFIX);
}

/** The name in `/v1/functions/{name}/invoke` and `/v1/functions/{name}/invoke-async`. */
export function invokedFunction(path: string): string | undefined {
  if (!path.startsWith(INVOKE_PREFIX)) return undefined;
  return nameBefore(INVOKE_SUFFIX, path) ?? nameBefore(ASYNC_SUFFIX, path);
}

function nameBefore(suffix: string, path: string): string | undefined {
  if (!path.endsWith(suffix)) return undefined;
  const end = path.length - suffix.length;
  if (end <= INVOKE_PREFIX.length) return undefined;
  const name = path.slice(INVOKE_PREFIX.length, end);
  return name.includes("/") ? undefined : name;
}
