import { PlatformError, type ErrorCode } from "@hanzo-fn/contract";
import { textOf } from "./xml.ts";

/** What an S3 service answered instead of what it was asked for. */
export class S3Error extends Error {
  override readonly name = "S3Error";
  readonly status: number;
  /** S3's own code, for example `NoSuchKey`; of an answer without a body the status. */
  readonly code: string;
  /** How often the request was sent: an earlier one, whose answer was lost, may have done its work. */
  readonly attempts: number;

  constructor(status: number, body: string, attempts: number) {
    const code = textOf(body, "Code") ?? String(status);
    super(`${code}: ${textOf(body, "Message") ?? "no message"}`);
    this.status = status;
    this.code = code;
    this.attempts = attempts;
  }
}

const BY_CODE: Readonly<Record<string, ErrorCode>> = {
  NoSuchKey: "not_found",
  NoSuchBucket: "not_found",
  InvalidRange: "range_not_satisfiable",
  EntityTooLarge: "payload_too_large",
  KeyTooLongError: "bad_request",
  InvalidBucketName: "bad_request",
  InvalidObjectName: "bad_request",
  XMinioInvalidObjectName: "bad_request",
  ObjectParentIsFile: "conflict",
  ExistingObjectIsDirectory: "conflict",
  XMinioObjectExistsAsDirectory: "conflict",
  XMinioParentIsObject: "conflict",
  QuotaExceeded: "storage_full",
  XMinioStorageFull: "storage_full",
  XMinioAdminBucketQuotaExceeded: "storage_full",
  AccessDenied: "forbidden",
  InvalidAccessKeyId: "unavailable",
  // What versitygw says instead.
  XAdminUserNotFound: "unavailable",
  SignatureDoesNotMatch: "unavailable",
  RequestTimeTooSkewed: "unavailable",
  AuthorizationHeaderMalformed: "unavailable",
};

const BY_STATUS: Readonly<Record<number, ErrorCode>> = {
  403: "forbidden",
  404: "not_found",
  413: "payload_too_large",
  416: "range_not_satisfiable",
  429: "unavailable",
  507: "storage_full",
};

const NEXT: Readonly<Record<string, string>> = {
  XAdminUserNotFound: "Check storage.access_key (OBJECT_STORAGE_ACCESS_KEY).",
  InvalidAccessKeyId: "Check storage.access_key (OBJECT_STORAGE_ACCESS_KEY).",
  SignatureDoesNotMatch: "Check storage.secret_key (OBJECT_STORAGE_SECRET_KEY).",
  AuthorizationHeaderMalformed: "Check the region of the object storage.",
  RequestTimeTooSkewed: "Set the clock of this machine.",
  NoSuchBucket: "Create the bucket, or name another one.",
};

/** As a `PlatformError`; `what` is the thing it is about, for example `s3://bucket/key`. */
export function mapS3Error(error: unknown, what: string): unknown {
  if (!(error instanceof S3Error)) return error;
  const code =
    BY_CODE[error.code] ?? BY_STATUS[error.status] ?? (error.status >= 500 ? "unavailable" : "internal");
  const message =
    code === "not_found" && error.code !== "NoSuchBucket"
      ? `there is no ${what}`
      : `the object storage refused ${what}: ${error.message}`;
  return new PlatformError(code, message, { cause: error, component: "blobs", next: NEXT[error.code] });
}

/** Runs `work` with S3's errors mapped. */
export async function mapped<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw mapS3Error(error, what);
  }
}

export const isS3Error = (error: unknown, status: number): error is S3Error =>
  error instanceof S3Error && error.status === status;
