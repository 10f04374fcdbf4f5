import { PlatformError, type ErrorDetail } from "@hanzo-fn/contract";
import { readLimited } from "@hanzo-fn/lifecycle";
import { SilenceError, type TransportResponse } from "./transport.ts";

const LONGEST_ERROR_BYTES = 64 * 1024;
const LONGEST_MESSAGE = 300;

/** What was wanted, in words, for messages: `push to hanzo/fn-python`. Never a URL: those of uploads and of stored blobs hold keys. */
export interface Wanted {
  readonly host: string;
  readonly action: string;
}

/** Reads the body of a refusal. What is no error list of the distribution specification gives an empty list. */
export async function refusalDetails(response: TransportResponse): Promise<ErrorDetail[]> {
  const text = await readLimited(response.body, LONGEST_ERROR_BYTES).catch(() => "");
  let errors: unknown;
  try {
    errors = (JSON.parse(text) as { errors?: unknown }).errors;
  } catch {
    return [];
  }
  if (!Array.isArray(errors)) return [];
  return errors.slice(0, 20).map((one: { code?: unknown; message?: unknown; detail?: unknown }) => ({
    path: String(one.code ?? "UNKNOWN").slice(0, 100),
    rule: String(one.message ?? "").slice(0, LONGEST_MESSAGE),
    ...digestIn(one.detail),
  }));
}

/** Digests are the one thing of a detail that is used; the rest may quote what was sent. */
function digestIn(detail: unknown): { value?: string } {
  const text = typeof detail === "string" ? detail : (JSON.stringify(detail) ?? "");
  const digest = /sha256:[0-9a-f]{64}/.exec(text)?.[0];
  return digest === undefined ? {} : { value: digest };
}

/** The error for a status that will not change by asking again. */
export function refusal(wanted: Wanted, status: number, details: readonly ErrorDetail[]): PlatformError {
  const words = details.map(({ path, rule }) => `${path}: ${rule}`).join("; ");
  const code = status === 404 ? "not_found" : "registry_refused";
  const message = `the registry ${wanted.host} refuses to ${wanted.action} (${status}${words && `, ${words}`})`;
  return new PlatformError(code, message, { component: "oci", details, next: nextStep(wanted.host, status) });
}

function nextStep(host: string, status: number): string {
  if (status === 401 || status === 403)
    return `Check the credentials for ${host} and what they may do: docker login ${host} writes them anew`;
  if (status === 404) return "Check the name of the repository, and that the image was pushed there";
  if (status === 405)
    return `Allow it in the settings of ${host}: docker-registry deletes only with storage.delete.enabled`;
  return `Look into the log of ${host}`;
}

/** The error for a registry that cannot be had now: connection, silence, 5xx, 429. */
export function unreachable(
  wanted: Wanted,
  why: string,
  options: { cause?: unknown; retryAfterMs?: number | undefined } = {},
): PlatformError {
  const { cause, retryAfterMs } = options;
  return new PlatformError(
    "registry_unreachable",
    `cannot ${wanted.action} at the registry ${wanted.host}: ${why}`,
    {
      component: "oci",
      cause,
      ...(retryAfterMs === undefined ? {} : { retryAfterSeconds: Math.ceil(retryAfterMs / 1000) }),
      next: `Check that ${wanted.host} is up and reachable from here: curl -i ${wanted.host}/v2/`,
    },
  );
}

/** Why a connection failed, in words without addresses beyond the host's own. */
export function brokenBecause(error: unknown): string {
  if (error instanceof SilenceError) return `it sent nothing for ${error.silenceMs / 1000} s`;
  const { code, message } = error as NodeJS.ErrnoException;
  return code === "ECONNREFUSED" ? "nothing listens there (ECONNREFUSED)" : (code ?? message);
}
