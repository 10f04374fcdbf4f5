import { PlatformError, type ErrorCode } from "@hanzo-fn/contract";
import type { ExitInfo } from "@hanzo-fn/instance";
import type { DesiredRevision } from "../engine.ts";

const MEBIBYTE = 1024 * 1024;

export function errorOf(
  desired: DesiredRevision,
  code: ErrorCode,
  message: string,
  more: { readonly retryAfterSeconds?: number; readonly next?: string; readonly cause?: unknown } = {},
): PlatformError {
  return new PlatformError(code, message, {
    component: "engine/local",
    function: desired.ref.function,
    revision: desired.ref.name,
    ...more,
  });
}

/** `exited with code 3`, or what ended it. */
export function describeExit(exit: ExitInfo): string {
  return exit.signal === null ? `exited with code ${exit.code ?? "unknown"}` : `was ended by ${exit.signal}`;
}

/** `; last lines: …` for an error message; empty where nothing was logged. */
export function lastLines(logTail: readonly string[], count = 3): string {
  const lines = logTail.slice(-count).map((line) => line.slice(0, 200));
  return lines.length === 0 ? "" : `; last lines: ${lines.join(" | ")}`;
}

/** Why an instance is gone, for the callers whose requests it held. */
export function explainExit(desired: DesiredRevision, exit: ExitInfo, instance: string): PlatformError {
  const logs = { next: `hanzo-fn logs ${desired.ref.function} --revision ${desired.ref.number}` };
  if (exit.outOfMemory) {
    const limit = Math.round(desired.memoryBytes / MEBIBYTE);
    return errorOf(
      desired,
      "out_of_memory",
      `instance ${instance} needed more than its ${limit} MiB of memory`,
      {
        next: "raise resources.memory in function.yaml and deploy again",
      },
    );
  }
  if (exit.byPlatform) {
    const why =
      "another call overran its deadline and held up the whole instance, or the instance was taken down";
    return errorOf(
      desired,
      "instance_killed",
      `instance ${instance} was ended by the platform: ${why}`,
      logs,
    );
  }
  const message = `instance ${instance} ${describeExit(exit)}${lastLines(exit.logTail)}`;
  return errorOf(desired, "instance_exited", message, logs);
}
