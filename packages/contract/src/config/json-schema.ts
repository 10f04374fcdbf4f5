import type { JsonSchema } from "../manifest/json-schema.ts";
import { zod } from "../document/lazy.ts";
import { isField, type Section } from "./field.ts";
import { SECTIONS } from "./sections.ts";

const VARIABLE = { type: "string", pattern: "\\$\\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\\}" };

function sectionSchema(section: Section): JsonSchema {
  const { z } = zod();
  const properties = Object.entries(section).map(([name, entry]): [string, JsonSchema] => {
    if (!isField(entry)) return [name, sectionSchema(entry)];
    const { $schema: _, ...own } = z.toJSONSchema(entry.leaf(), { io: "input", unrepresentable: "any" });
    const { fallback } = entry;
    const constant = fallback === undefined || typeof fallback === "function" ? {} : { default: fallback };
    const note = entry.kind === "later" ? " (no effect in this release)" : "";
    return [name, { description: entry.description + note, anyOf: [own, VARIABLE], ...constant }];
  });
  return { type: "object", properties: Object.fromEntries(properties), additionalProperties: false };
}

/** JSON Schema (2020-12) of `config.yaml`, for editors. Every value may be a `${VARIABLE}`. */
export function configJsonSchema(): JsonSchema {
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "config.yaml",
    description: "Configuration of hanzo-fn serve (HIP-60).",
    ...sectionSchema(SECTIONS as unknown as Section),
  };
}
