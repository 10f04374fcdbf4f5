import { refuse, type Refused } from "../../document/leaf.ts";

/** Characters of RFC 3986 `pchar`, and `%` escapes. */
const SEGMENT = /^(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-F]{2})*$/;
const RESERVED_CALLS = ["invoke", "invoke-async", "tasks"];

/** What is wrong with the path of an HTTP trigger, whoever owns it; undefined where nothing is. */
export function pathProblem(path: string): Refused | undefined {
  if (!path.startsWith("/"))
    return refuse("must be an absolute path", `write /${path.replace(/^\.?\/*/, "")}`);
  if (path.length > 1024) return refuse(`must have at most 1024 characters, this has ${path.length}`);
  if (/[?#]/.test(path)) return refuse("must not have a query or fragment", `write ${path.split(/[?#]/)[0]}`);
  if (/[{}<>]|\/:/.test(path)) {
    return refuse("path parameters are not supported", "end the path with /* and read ctx.path");
  }
  const segments = path.slice(1).split("/");
  const wildcard = segments.at(-1) === "*";
  const literal = wildcard ? segments.slice(0, -1) : segments;
  if (literal.some((segment) => segment.includes("*"))) {
    return refuse("a wildcard is allowed only as the whole last segment", "end the path with /*");
  }
  for (const [index, segment] of literal.entries()) {
    if (segment === "" && (index < literal.length - 1 || wildcard) && literal.length > 0) {
      return refuse("must not have empty segments", `write ${path.replaceAll(/\/{2,}/g, "/")}`);
    }
    if (!SEGMENT.test(segment)) {
      return refuse("has a character that a path cannot hold", `write ${encodePath(path)}`);
    }
    const decoded = segment.replaceAll(/%([0-9A-F]{2})/g, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
    if (decoded === "." || decoded === "..") return refuse("must not have `.` or `..` segments");
    if (/%(2F|5C|2E|3[0-9]|[46][1-9A-F]|[57][0-9A]|2D|5F|7E|00)/.test(segment)) {
      return refuse("must not escape letters, digits, `-._~`, `/`, `\\` or NUL");
    }
  }
  return literal[0] === ".hanzo" ? refuse("`/.hanzo/` belongs to the platform") : undefined;
}

function encodePath(path: string): string {
  return encodeURI(path).replaceAll(/%25([0-9A-Fa-f]{2})/g, (_, hex: string) => `%${hex.toUpperCase()}`);
}

/** Why function `name` must not claim `path`; undefined where it may. */
export function ownershipProblem(path: string, name: string): Refused | undefined {
  const segments = path.slice(1).split("/");
  if (segments[0] !== "v1" || segments[1] !== "functions") return undefined;
  const owner = segments[2];
  if (owner === undefined || owner === "" || owner === "*") {
    return refuse("`/v1/functions` belongs to the platform", `write /v1/functions/${name}`);
  }
  if (owner !== name) {
    return refuse(
      `/v1/functions/${owner} can be claimed only by the function ${owner}`,
      `write /v1/functions/${name}`,
    );
  }
  const call = segments[3];
  if (call !== undefined && RESERVED_CALLS.includes(call)) {
    return refuse(`/v1/functions/${name}/${call} belongs to the platform`, "choose another path");
  }
  return undefined;
}
