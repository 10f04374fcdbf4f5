import { PlatformError } from "@hanzo-fn/contract";
import {
  BootTimeoutError,
  type ExitInfo,
  InstanceGoneError,
  type InstanceProcess,
  type SpecialiseBody,
  type SpecialiseResult,
} from "@hanzo-fn/instance";

const LOAD_TIMEOUT_MS = 60_000;
const NEXT = "mend it and save; the next request is served by the new code";

function failed(name: string, message: string, lines: readonly string[]): PlatformError {
  const details = lines.filter((line) => line.trim() !== "").map((rule) => ({ rule }));
  return new PlatformError("load_failed", message, { component: "dev", function: name, details, next: NEXT });
}

function refused(name: string, result: Extract<SpecialiseResult, { ok: false }>): PlatformError {
  return failed(name, `${result.kind}: ${result.message}`, result.trace.split("\n"));
}

function describeExit({ code, signal, outOfMemory }: ExitInfo): string {
  if (outOfMemory) return "needed more than its memory";
  return signal === null ? `exited with code ${code ?? "unknown"}` : `was ended by ${signal}`;
}

/** `load_failed` for what a process says that did not come up; anything else as it is. */
export function explainLoad(error: unknown, name: string): unknown {
  if (error instanceof InstanceGoneError) {
    return failed(name, `the code ${describeExit(error.exit)} while loading`, error.exit.logTail);
  }
  if (error instanceof BootTimeoutError) return failed(name, error.message, error.exit.logTail);
  return error;
}

/** Loads code into a generic worker. Throws `load_failed`, and the signal's reason. */
export async function loadCode(
  process: InstanceProcess,
  body: SpecialiseBody,
  signal: AbortSignal,
): Promise<void> {
  const late = AbortSignal.timeout(LOAD_TIMEOUT_MS);
  let result: SpecialiseResult;
  try {
    result = await process.specialise(body, AbortSignal.any([signal, late]));
  } catch (error) {
    if (late.aborted && !signal.aborted) {
      throw failed(body.function, `the code did not finish loading within ${LOAD_TIMEOUT_MS / 1000} s`, []);
    }
    throw explainLoad(error, body.function);
  }
  if (!result.ok) throw refused(body.function, result);
}
