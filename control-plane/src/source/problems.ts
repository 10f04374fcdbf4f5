import { PlatformError, type ErrorDetail } from "@hanzo-fn/contract";

const COMPONENT = "control-plane";
const MAX_DETAILS = 50;

/** Collects what is wrong with an archive, so that the caller hears of everything at once. */
export interface Problems {
  add(rule: string, path?: string, suggestion?: string): void;
  throwIfAny(): void;
}

/** Paths come from the archive: they are shown cut and without control characters. */
function shown(path: string): string {
  return path.replaceAll(/\p{Cc}/gu, "?").slice(0, 200);
}

export function createProblems(): Problems {
  const details: ErrorDetail[] = [];
  let total = 0;
  return {
    add(rule, path, suggestion) {
      total += 1;
      if (details.length === MAX_DETAILS) return;
      details.push({
        ...(path === undefined ? {} : { path: shown(path) }),
        rule,
        ...(suggestion === undefined ? {} : { suggestion }),
      });
    },
    throwIfAny() {
      if (total === 0) return;
      const count = total === 1 ? "1 problem" : `${total} problems`;
      throw new PlatformError("invalid_source", `the source archive has ${count}`, {
        component: COMPONENT,
        details,
      });
    },
  };
}

/** The archive cannot be read at all. */
export function unreadable(rule: string, cause?: unknown): PlatformError {
  return new PlatformError("invalid_source", `the source archive cannot be read: ${rule}`, {
    component: COMPONENT,
    details: [{ rule }],
    ...(cause === undefined ? {} : { cause }),
  });
}

export function tooLarge(rule: string, path?: string): PlatformError {
  return new PlatformError("payload_too_large", `the source is too large: ${rule}`, {
    component: COMPONENT,
    details: [{ rule, ...(path === undefined ? {} : { path: shown(path) }) }],
    next: "leave out what the function does not need; large models belong into object storage",
  });
}
