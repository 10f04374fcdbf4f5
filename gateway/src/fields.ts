import { badRequest } from "./refuse.ts";

/** A JSON object as it came, before anything of it is believed. */
export type Fields = Readonly<Record<string, unknown>>;

export function fieldsOf(value: unknown, what: string): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields;
  throw badRequest(`${what} must be a JSON object`);
}

export function onlyFields(fields: Fields, allowed: readonly string[]): void {
  const unknown = Object.keys(fields).find((name) => !allowed.includes(name));
  if (unknown !== undefined)
    throw badRequest(`there is no field ${JSON.stringify(unknown.slice(0, 64))} here`);
}

export function textField(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value !== "string" || value === "") throw badRequest(`${name} must be text, not empty`);
  if (!value.isWellFormed()) throw badRequest(`${name} has a lone surrogate, which is no Unicode text`);
  if (value.includes("\0")) throw badRequest(`${name} must not hold NUL`);
  return value;
}

export function optionalText(fields: Fields, name: string): string | undefined {
  return fields[name] === undefined || fields[name] === null ? undefined : textField(fields, name);
}

/** A whole number from `min` to `max`. */
export function integerField(fields: Fields, name: string, [min, max]: readonly [number, number]): number {
  const value = fields[name];
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= min && value <= max) return value;
  throw badRequest(`${name} must be a whole number from ${min} to ${max}`);
}

export function optionalInteger(
  fields: Fields,
  name: string,
  range: readonly [number, number],
): number | undefined {
  return fields[name] === undefined || fields[name] === null ? undefined : integerField(fields, name, range);
}

/** Absent is false. */
export function flagField(fields: Fields, name: string): boolean {
  const value = fields[name] ?? false;
  if (typeof value !== "boolean") throw badRequest(`${name} must be true or false`);
  return value;
}
