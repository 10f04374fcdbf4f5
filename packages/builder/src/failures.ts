import { PlatformError, type ErrorDetail } from "@hanzo-fn/contract";

const COMPONENT = "builder";
const TAIL_LINES = 20;
const LINE_CHARACTERS = 500;

export function buildFailed(message: string, details: readonly ErrorDetail[], next?: string): PlatformError {
  return new PlatformError("build_failed", message, { component: COMPONENT, details, next });
}

export function unsupported(message: string, next: string): PlatformError {
  return new PlatformError("unsupported", message, { component: COMPONENT, next });
}

/** Credentials in URLs do not go into errors. */
export function redact(line: string): string {
  return line.replaceAll(/\/\/[^/@\s]+@/g, "//***@").slice(0, LINE_CHARACTERS);
}

/** The last lines of a tool's output, fit to be shown. */
export function tailOf(output: string): readonly string[] {
  return output
    .split("\n")
    .map((line) => redact(line.replaceAll(/\p{Cc}/gu, " ").trimEnd()))
    .filter((line) => line !== "")
    .slice(-TAIL_LINES);
}

export const UNREACHABLE = new RegExp(
  [
    // pip
    "NewConnectionError|ConnectTimeoutError|ReadTimeoutError|ProxyError|Failed to establish a new connection",
    "Temporary failure in name resolution|Name or service not known|No route to host",
    // npm
    "code (?:ECONNREFUSED|ECONNRESET|ENOTFOUND|ETIMEDOUT|EAI_AGAIN|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT)",
    "code E50\\d",
    // go
    "dial tcp .*(?:connection refused|no such host|i/o timeout|network is unreachable)|server misbehaving",
    "(?:\\/@v\\/|\\/@latest).*: 50\\d ",
    // cargo
    "Could(?:n't| not) resolve host|Could(?:n't| not) connect to server|Failed to connect to|Timeout was reached",
    "failed to download from .*(?:50\\d)",
  ].join("|"),
);

export function registryUnreachable(tool: string, output: string): PlatformError {
  return new PlatformError("registry_unreachable", `${tool} cannot reach its package registry`, {
    component: COMPONENT,
    details: tailOf(output).map((rule) => ({ rule })),
    next: "check the network, and the registry and proxy settings in the platform's environment; then deploy again",
    retryAfterSeconds: 30,
  });
}

/** A command that did not come to an end of its own. */
export function cutShort(
  tool: string,
  result: { readonly kind: "timeout" | "limit"; readonly output: string; readonly reason?: string },
  timeoutMs: number,
): PlatformError {
  const details = tailOf(result.output).map((rule) => ({ rule }));
  return result.kind === "timeout"
    ? buildFailed(`${tool} did not end within ${timeoutMs / 1000} s`, details, "raise builds.timeout")
    : buildFailed(
        `${tool} was ended: ${result.reason}`,
        details,
        "leave out what the function does not need, or raise builds.max_memory_bytes or builds.max_disk_bytes",
      );
}

/** What a failed install means: a registry that cannot be reached is nobody's mistake in the source. */
export function installFailure(tool: string, output: string): PlatformError {
  const details = tailOf(output).map((rule) => ({ rule }));
  if (UNREACHABLE.test(output)) return registryUnreachable(tool, output);
  return buildFailed(
    `${tool} could not install the dependencies`,
    details,
    `correct what ${tool} says, then deploy again`,
  );
}
