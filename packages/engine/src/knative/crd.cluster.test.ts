import { existsSync, readdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import type { Applied } from "./kube.ts";

interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly required?: readonly string[];
  readonly enum?: readonly unknown[];
  readonly "x-kubernetes-preserve-unknown-fields"?: boolean;
  readonly "x-kubernetes-int-or-string"?: boolean;
}

const VERSION = "v0.50.0";
const cache =
  process.env["GOMODCACHE"] ?? path.join(process.env["GOPATH"] ?? path.join(homedir(), "go"), "pkg/mod");
const file = path.join(cache, `knative.dev/serving@${VERSION}/config/core/300-resources/service.yaml`);

function typeOf(value: unknown): string {
  if (Array.isArray(value)) return "array";
  if (Number.isInteger(value)) return "integer";
  return value === null ? "null" : typeof value;
}

/** As the API server judges with a structural schema: types, required fields, and fields that it would drop. */
function problems(value: unknown, schema: Schema, at: string): string[] {
  if (schema["x-kubernetes-int-or-string"] === true) {
    return ["integer", "string"].includes(typeOf(value)) ? [] : [`${at}: no integer or string`];
  }
  const type = typeOf(value);
  if (
    schema.type !== undefined &&
    type !== schema.type &&
    !(schema.type === "number" && type === "integer")
  ) {
    return [`${at}: ${type} instead of ${schema.type}`];
  }
  if (schema.enum !== undefined && !schema.enum.includes(value)) return [`${at}: not in the enumeration`];
  if (Array.isArray(value)) {
    return value.flatMap((item, index) => problems(item, schema.items ?? {}, `${at}[${index}]`));
  }
  if (type !== "object") return [];
  const missing = (schema.required ?? []).filter((key) => !Object.hasOwn(value as object, key));
  const inner = Object.entries(value as Record<string, unknown>).flatMap(([key, item]) => {
    const here = `${at}.${key}`;
    const own = schema.properties?.[key];
    if (own !== undefined) return problems(item, own, here);
    if (typeof schema.additionalProperties === "object")
      return problems(item, schema.additionalProperties, here);
    return schema["x-kubernetes-preserve-unknown-fields"] === true ? [] : [`${at}: has no field ${key}`];
  });
  return [...missing.map((key) => `${at}.${key}: is required`), ...inner];
}

interface Crd {
  readonly spec: {
    readonly versions: readonly {
      readonly name: string;
      readonly schema: { readonly openAPIV3Schema: Schema };
    }[];
  };
}

function services(name: string): Applied["object"][] {
  const applied = JSON.parse(readFileSync(new URL(`golden/${name}`, import.meta.url), "utf8")) as Applied[];
  return applied
    .map(({ object }) => object)
    .filter(({ apiVersion }) => apiVersion === "serving.knative.dev/v1");
}

describe(`the schema of Knative Serving ${VERSION}`, () => {
  it("has every field of the golden Services, and knows their types", (context) => {
    if (!existsSync(file)) context.skip(`${file} is missing: go mod download knative.dev/serving@${VERSION}`);
    const crd = parse(readFileSync(file, "utf8")) as Crd;
    const schema = crd.spec.versions.find(({ name }) => name === "v1")?.schema.openAPIV3Schema.properties?.[
      "spec"
    ];
    if (schema === undefined) throw new Error("no schema");
    const golden = readdirSync(new URL("golden/", import.meta.url)).flatMap(services);
    expect(golden.length).toBeGreaterThanOrEqual(6);
    expect(golden.flatMap((object) => problems(object["spec"], schema, "spec"))).toEqual([]);
    const wrong = { template: { spec: { containers: [{ image: 1, nonsense: true }] } } };
    expect(problems(wrong, schema, "spec")).toEqual([
      "spec.template.spec.containers[0].image: integer instead of string",
      "spec.template.spec.containers[0]: has no field nonsense",
    ]);
  });
});
