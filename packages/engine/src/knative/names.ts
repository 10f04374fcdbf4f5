import { createHash } from "node:crypto";
import { PlatformError } from "@hanzo-fn/contract";

/** A Kubernetes label, and so a namespace, has at most this many characters. */
const MAX_LABEL = 63;
/** `<name>-%05d-deployment` has to stay a label, and a tag's host `<tag>-<name>` too. */
const MAX_FUNCTION_NAME = 40;
const HASH_LENGTH = 26;
const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";

/** 130 bits of SHA-256 in base 32: nobody finds two organisations with the same one. */
function hash(text: string): string {
  const digest = createHash("sha256").update(text).digest();
  let bits = 0n;
  for (const byte of digest) bits = (bits << 8n) | BigInt(byte);
  let result = "";
  for (let index = 0; index < HASH_LENGTH; index++) {
    result += ALPHABET[Number(bits & 31n)];
    bits >>= 5n;
  }
  return result;
}

function slug(text: string, length: number): string {
  const clean = text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-+|-+$/g, "");
  return clean.slice(0, length).replace(/-+$/, "");
}

/**
 * The namespace of an organisation: `prefix` for the home organisation, `<prefix>-<org>` for the others. One whose name is
 * no label in lower case, is too long or has `--` becomes `<prefix>-<what can be read of it>--<hash>`, so that no two meet:
 * the first form never has `--` after the prefix, the second always has.
 */
export function namespaceOf(
  org: string,
  settings: { readonly namespace: string; readonly homeOrg: string },
): string {
  const { namespace: prefix, homeOrg } = settings;
  if (org === homeOrg) return prefix;
  const plain = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(org) && !org.includes("--");
  if (plain && prefix.length + 1 + org.length <= MAX_LABEL) return `${prefix}-${org}`;
  const room = MAX_LABEL - prefix.length - 1 - 2 - HASH_LENGTH;
  const readable = slug(org, Math.max(0, room));
  return `${prefix}-${readable}--${hash(org)}`;
}

/** An organisation as a label's value: itself where it can be one, else what can be read of it and a hash. */
export function orgLabel(org: string): string {
  const fits = org.length <= MAX_LABEL && /^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/.test(org);
  if (fits && !org.includes("--")) return org;
  return `${slug(org, 30) || "org"}--${hash(org)}`;
}

/** The number in `<function>-%05d`; undefined where the name is no revision of the function that we named. */
export function revisionNumber(functionName: string, revision: string): number | undefined {
  if (!revision.startsWith(`${functionName}-`)) return undefined;
  const digits = revision.slice(functionName.length + 1);
  return /^\d{5,}$/.test(digits) ? Number(digits) : undefined;
}

/** The tag of a revision in the Route; its host is `<tag>-<function>`. */
export function tagOf(revisionNumber: number): string {
  return `rev${revisionNumber}`;
}

/** Account, Secret and NetworkPolicy of a function. */
export function ownName(functionName: string): string {
  return `fn-${functionName}`;
}

/** No function's own Secret has a dot in its name, so that none is taken for a revision's. */
export function gatewaySecretName(revisionName: string): string {
  return `${revisionName}.gateway`;
}

export const GATEWAY_TOKEN_KEY = "token";

/**
 * The key of a secret inside a function's Secret object. Names of the secret store may hold `/`, keys may not; what is
 * written in place of it begins with `_` or `.`, as no name does.
 */
export function secretKey(name: string): string {
  if (!name.includes("/")) return name;
  const written = `_${name.replaceAll("_", "__").replaceAll("/", "_-")}`;
  return written.length <= 253 ? written : `.${hash(name)}`;
}

function refusal(name: string, rule: string, next: string): PlatformError {
  return new PlatformError("unsupported", `the function name ${name} cannot be used on Kubernetes: ${rule}`, {
    component: "engine/knative",
    function: name,
    next,
  });
}

/**
 * Why a name that the manifest allows cannot be used on Knative; undefined where it can. Knative makes Services named like
 * revisions (`embed-00003`, `embed-00003-private`) and tags (`rev3-embed`) beside those named like functions.
 */
export function nameProblem(name: string): PlatformError | undefined {
  if (name.length > MAX_FUNCTION_NAME) {
    const rule = `it has ${name.length} characters, and pods and hosts made from it leave room for ${MAX_FUNCTION_NAME}`;
    return refusal(name, rule, `shorten name in function.yaml to ${MAX_FUNCTION_NAME} characters or less`);
  }
  if (!/^[a-z]([a-z0-9-]*[a-z0-9])?$/.test(name)) {
    const rule = "it must be lower-case letters, digits and hyphens, beginning with a letter (DNS-1035)";
    return refusal(name, rule, "change name in function.yaml");
  }
  const revision = /^(.+)-\d{5}(-private)?$/.exec(name);
  if (revision !== null) {
    const rule = `revisions of a function named ${revision[1]} are named so`;
    return refusal(name, rule, "let name in function.yaml not end with a hyphen and five digits");
  }
  if (/^rev\d+-/.test(name)) {
    const rule = "tagged revisions of other functions are named so";
    return refusal(name, rule, "let name in function.yaml not begin with rev, a number and a hyphen");
  }
  return undefined;
}

export function checkFunctionName(name: string): void {
  const problem = nameProblem(name);
  if (problem !== undefined) throw problem;
}
