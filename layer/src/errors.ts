import { PlatformError } from "@hanzo-fn/contract";

/** The one error body of :8080, as the field's clients read it. */
export interface LayerErrorBody {
  readonly error: string;
  readonly message: string;
  readonly request_id: string;
  readonly next?: string;
}

/** Clients of Layer are told to try again on 500, which is what a database that is away answers with. */
function statusOf(error: PlatformError): number {
  return error.code === "database_unavailable" ? 500 : error.status;
}

/** Anything that is not a `PlatformError` becomes `internal` without its message. */
export function layerRefusal(thrown: unknown, requestId: string): { status: number; body: LayerErrorBody } {
  const error =
    thrown instanceof PlatformError
      ? thrown
      : new PlatformError("internal", "something went wrong inside the platform");
  const { code, message, next } = error;
  return {
    status: statusOf(error),
    body: { error: code, message, request_id: requestId, ...(next === undefined ? {} : { next }) },
  };
}
