/** What a jsonb column holds. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json | undefined;
}

/** PostgreSQL's text knows no NUL. */
export const withoutNul = (text: string): string => text.replaceAll("\0", "\u{FFFD}");

/** Nor does its jsonb, and no lone surrogate either; JSON.stringify escapes both. */
export function toStorableJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(/\\(\\|u0000|ud[89a-f][0-9a-f]{2})/g, (escape) =>
    escape === "\\\\" ? escape : "\\ufffd",
  );
}
