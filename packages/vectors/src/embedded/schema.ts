import { PlatformError } from "@hanzo-fn/contract";
import { type AttributeSchema, type AttributeValue, VECTOR, type WrittenRow } from "@hanzo-fn/contract/layer";

export type Schema = Readonly<Record<string, AttributeSchema>>;

function inferred(value: Exclude<AttributeValue, null>): string | undefined {
  if (typeof value === "string") return "string";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "number") return Number.isInteger(value) ? "int" : "float";
  const [first] = value;
  if (first === undefined) return undefined;
  const types = new Set(value.map(inferred));
  return `[]${types.has("float") ? "float" : inferred(first)}`;
}

/** Attributes may be named as what every object has. */
const ownOf = (schema: Schema, name: string): AttributeSchema | undefined =>
  Object.hasOwn(schema, name) ? schema[name] : undefined;

const TEXTS = new Set(["string", "uuid", "datetime"]);

/** The type that holds both, undefined where none does: whole numbers become floats where one comes that is not. */
function widened(known: string, found: string): string | undefined {
  if (known === found) return known;
  if (known.startsWith("[]") || found.startsWith("[]")) {
    if (!known.startsWith("[]") || !found.startsWith("[]")) return undefined;
    const element = widened(known.slice(2), found.slice(2));
    return element === undefined ? undefined : `[]${element}`;
  }
  if (found === "string" && TEXTS.has(known)) return known;
  if (found === "int" && (known === "uint" || known === "float")) return known;
  return found === "float" && known === "int" ? "float" : undefined;
}

function refuse(attribute: string, known: string, value: AttributeValue): PlatformError {
  return new PlatformError(
    "validation_error",
    `the attribute ${attribute} is of type ${known} in this namespace, and ${JSON.stringify(value)?.slice(0, 100)} is not`,
    { component: "layer", details: [{ path: attribute, rule: `must be ${known}` }] },
  );
}

/** The schema after rows are written: what they bring, within what is declared. The same object where nothing is new. */
export function schemaWith(
  known: Schema,
  declared: Schema,
  rows: Iterable<Pick<WrittenRow, "attributes">>,
): Schema {
  let schema = known;
  for (const [name, given] of Object.entries(declared)) {
    if (name === VECTOR) continue;
    const before = ownOf(schema, name);
    if (before !== undefined && widened(before.type, given.type) !== given.type)
      throw refuse(name, before.type, `a declaration as ${given.type}`);
    schema = { ...schema, [name]: given };
  }
  for (const { attributes } of rows) {
    for (const [name, value] of Object.entries(attributes)) {
      if (value === null) continue;
      const type = inferred(value);
      const before = ownOf(schema, name);
      if (type === undefined) continue;
      const after = before === undefined ? type : widened(before.type, type);
      if (after === undefined) throw refuse(name, before?.type ?? "", value);
      if (before?.type !== after) schema = { ...schema, [name]: { ...before, type: after } };
    }
  }
  return schema;
}
