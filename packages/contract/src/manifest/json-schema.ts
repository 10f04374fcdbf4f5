import { zod } from "../document/lazy.ts";
import { manifestSchema } from "./schema.ts";

export interface JsonSchema {
  readonly [key: string]: unknown;
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly oneOf?: readonly JsonSchema[];
  readonly required?: readonly string[];
  readonly default?: unknown;
}

/** JSON Schema (2020-12) of `function.yaml`, for editors. */
export function manifestJsonSchema(): JsonSchema {
  const { z } = zod();
  const schema = z.toJSONSchema(manifestSchema(), { io: "input", unrepresentable: "any" }) as JsonSchema;
  return { ...schema, title: "function.yaml", description: "Manifest of a hanzo-fn function (HIP-60)." };
}
