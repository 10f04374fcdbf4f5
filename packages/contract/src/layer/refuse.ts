import { PlatformError } from "../errors.ts";

/** Of a body that is not what its route takes: `validation_error`, with the place. */
export function refuseValue(at: string, rule: string, suggestion?: string): never {
  throw new PlatformError("validation_error", at === "" ? rule : `${at} ${rule}`, {
    component: "layer",
    details: [{ path: at, rule, ...(suggestion === undefined ? {} : { suggestion }) }],
  });
}

export function listOf<T>(value: unknown, at: string, read: (one: unknown, at: string) => T): T[] {
  if (!Array.isArray(value)) return refuseValue(at, "must be a list");
  return value.map((one, i) => read(one, `${at}[${i}]`));
}
