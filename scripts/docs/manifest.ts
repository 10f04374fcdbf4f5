import { manifestJsonSchema, type JsonSchema } from "@hanzo-fn/contract";
import { code, fill, table } from "./table.ts";

interface Row {
  readonly path: string;
  readonly schema: JsonSchema;
  readonly required: boolean;
  readonly extension: string | undefined;
}

function rowsOf(schema: JsonSchema, prefix: string): Row[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]): Row[] => {
    const path = prefix + name;
    const row: Row = {
      path,
      schema: field,
      required: schema.required?.includes(name) === true,
      extension: field["x-extension"] as string | undefined,
    };
    if (field.items?.oneOf !== undefined) return [row];
    return [row, ...rowsOf(field, `${path}.`), ...rowsOf(field.items ?? {}, `${path}[].`)];
  });
}

function kind(schema: JsonSchema): string {
  const values = schema["enum"] as readonly string[] | undefined;
  if (values !== undefined) return values.map(code).join(", ");
  if (schema["const"] !== undefined) return code(schema["const"]);
  if (schema["anyOf"] !== undefined) return "string, integer or map";
  return schema.type === undefined ? "" : [schema.type].flat().join(" or ");
}

function shownDefault(row: Row): string {
  const value = row.schema.default;
  const isContainer = typeof value === "object" && !Array.isArray(value);
  return value === undefined || isContainer ? (row.required ? "required" : "") : code(value);
}

function fields(rows: readonly Row[]): string {
  const head = ["field", "type", "default", "meaning"];
  return table(
    head,
    rows.map((row) => [code(row.path), kind(row.schema), shownDefault(row), row.schema.description ?? ""]),
  );
}

/** `docs/manifest.md` with its tables made from the schema. */
export function manifestPage(page: string): string {
  const root = manifestJsonSchema();
  const top = rowsOf(root, "");
  const variants = root.properties?.["triggers"]?.items?.oneOf ?? [];
  const triggers = variants.map((variant) => {
    const type = String(variant.properties?.["type"]?.["const"]);
    return { type, description: variant.description ?? "", rows: rowsOf(variant, "") };
  });
  const own = (rows: readonly Row[]): Row[] =>
    rows.filter((row) => row.extension === undefined && row.path !== "type");
  const sections = triggers.map(
    ({ type, description, rows }) => `### ${type}\n${description}\n\n${fields(own(rows))}`,
  );
  const extensions = [
    ...top.map((row) => ({ where: "manifest", row })),
    ...triggers.flatMap(({ type, rows }) => rows.map((row) => ({ where: `${type} trigger`, row }))),
  ].filter(({ row }) => row.extension !== undefined);
  return fill(page, {
    fields: fields(own(top)),
    triggers: sections.join("\n\n"),
    extensions: table(
      ["where", "field", "type", "default", "meaning", "why it is there"],
      extensions.map(({ where, row }) => [
        where,
        code(row.path),
        kind(row.schema),
        shownDefault(row),
        row.schema.description ?? "",
        row.extension ?? "",
      ]),
    ),
  });
}
