import { PlatformError } from "@hanzo-fn/contract";

const UNAVAILABLE_STATES = /^(08...|57P0[123]|53[23]00)$/;
const UNAVAILABLE_ERRNO: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ENOENT",
  "EPIPE",
  "ETIMEDOUT",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
]);
/** What node-postgres says without a code when its connection is gone or none can be had. */
const UNAVAILABLE_MESSAGE =
  /^(connection terminated|client has encountered a connection error|client was closed|timeout e(xceeded|xpired)|connection ended|query read timeout)/i;

/** A platform error for what the database's state explains; anything else is returned as it is. */
export function mapDatabaseError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof PlatformError) return error;
  const code = errorCode(error);
  if (code === "53100") {
    return new PlatformError("storage_full", "the database's disk is full", {
      cause: error,
      component: "store",
    });
  }
  if (isUnavailable(error, code)) {
    return new PlatformError("database_unavailable", "the database cannot be reached", {
      cause: error,
      component: "store",
      retryAfterSeconds: 1,
    });
  }
  return error;
}

function isUnavailable(error: Error, code: string | undefined): boolean {
  if (code !== undefined && (UNAVAILABLE_STATES.test(code) || UNAVAILABLE_ERRNO.has(code))) return true;
  return UNAVAILABLE_MESSAGE.test(error.message);
}

/** A deadlock that PostgreSQL broke, or a serialisation failure: the same transaction may pass the next time. */
export function isTransient(error: unknown): boolean {
  return error instanceof Error && ["40001", "40P01"].includes(errorCode(error) ?? "");
}

function errorCode(error: Error): string | undefined {
  const { code } = error as { code?: unknown };
  return typeof code === "string" ? code : undefined;
}
