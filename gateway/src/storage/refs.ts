import { badRequest } from "../refuse.ts";
import type { InstanceIdentity } from "../identity.ts";

/** Where a `ref` points to. */
export interface Place {
  readonly bucket: string;
  /** Of an object, or the beginning of the keys of several. */
  readonly key: string;
  /** Named relative to the function's own folder, and so are the keys in answers. */
  readonly relative: boolean;
}

export interface RefRules {
  /** The platform's bucket, with the folders of functions in it. */
  readonly bucket: string;
  /** Base URLs under which objects are reached as `<base>/<bucket>/<key>`; no slash at the end. */
  readonly endpoints: () => readonly string[];
}

type Owner = Pick<InstanceIdentity, "org" | "function">;

/** The folder of a function in the platform's bucket. */
export function folderOf({ org, function: name }: Owner): string {
  return `data/${org}/${name}/`;
}

function shown(ref: string): string {
  return JSON.stringify(ref.length > 100 ? `${ref.slice(0, 100)}…` : ref);
}

// oxlint-disable-next-line no-control-regex -- they are what it is to find
const CONTROL = /[\u0000-\u001f\u007f]/;

function checkText(ref: string): void {
  if (!ref.isWellFormed() || CONTROL.test(ref))
    throw badRequest(`${shown(ref)} has characters that no key has`);
}

/** Throws where a key leaves its folder, or is written in more than one way. */
function checkSegments(key: string, ref: string): void {
  const segments = key.split("/");
  for (const [i, segment] of segments.entries()) {
    if (segment === "." || segment === "..")
      throw badRequest(`${shown(ref)} must not have ${segment} as a segment`);
    if (segment === "" && i < segments.length - 1) throw badRequest(`${shown(ref)} has an empty segment`);
  }
}

function splitBucket(path: string, ref: string): { bucket: string; key: string } {
  const slash = path.indexOf("/");
  const [bucket, key] = slash === -1 ? [path, ""] : [path.slice(0, slash), path.slice(slash + 1)];
  if (bucket === "") throw badRequest(`${shown(ref)} names no bucket`);
  return { bucket, key };
}

/** Only a signature may follow the key: a version or a part of an object is nothing that `ctx.storage` knows. */
function checkQuery(query: string, ref: string): void {
  const other = [...new URLSearchParams(query).keys()].find(
    (name) => !/^(x-amz-|method$|expires$|signature$)/i.test(name),
  );
  if (other !== undefined)
    throw badRequest(`${shown(ref)} has the parameter ${other}, which ctx.storage does not know`);
}

function decode(text: string, ref: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw badRequest(`${shown(ref)} is not percent-encoded as a URL is`);
  }
}

/** The path is taken as written: a URL parser would resolve `..` before anyone can refuse it. */
function fromUrl(ref: string, { endpoints }: RefRules): { bucket: string; key: string } {
  const base = endpoints().find((endpoint) => ref.startsWith(`${endpoint}/`));
  if (base === undefined) throw badRequest(`${shown(ref)} is no URL of the storage endpoint`);
  const [path = "", ...query] = (ref.slice(base.length + 1).split("#", 1)[0] as string).split("?");
  checkQuery(query.join("?"), ref);
  const decoded = decode(path, ref);
  checkText(decoded);
  return splitBucket(decoded, ref);
}

function read(ref: string, owner: Owner, rules: RefRules): Place {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(ref)?.[1]?.toLowerCase();
  if (scheme === "s3") return { ...splitBucket(ref.slice("s3://".length), ref), relative: false };
  if (scheme === "http" || scheme === "https") return { ...fromUrl(ref, rules), relative: false };
  if (scheme !== undefined)
    throw badRequest(`${shown(ref)} is neither a key, nor s3://, nor a URL of the storage endpoint`);
  if (ref.startsWith("/")) throw badRequest(`${shown(ref)} must not begin with a slash`);
  return { bucket: rules.bucket, key: folderOf(owner) + ref, relative: true };
}

/** Where `ref` points to, whoever may go there. Throws `bad_request`. */
export function parsePrefix(ref: string, owner: Owner, rules: RefRules): Place {
  checkText(ref);
  const place = read(ref, owner, rules);
  checkSegments(place.key, ref);
  return place;
}

/** The same for one object, whose key is neither empty nor ends with a slash. */
export function parseRef(ref: string, owner: Owner, rules: RefRules): Place {
  const place = parsePrefix(ref, owner, rules);
  if (place.key === "" || place.key.endsWith("/")) throw badRequest(`${shown(ref)} names no object`);
  return place;
}

/** How a function names a key at this place: what it can give as a `ref` again. */
export function nameOf({ bucket, relative }: Place, owner: Owner, key: string): string {
  return relative ? key.slice(folderOf(owner).length) : `s3://${bucket}/${key}`;
}
