import { z } from "zod";
import { errorTable, type ErrorCode } from "../errors.ts";
import { OPERATIONS, type Operation, type RequestBody, type ResponseBody } from "./operations.ts";
import { errorBodySchema } from "./schemas.ts";

type Json = Record<string, unknown>;

/** Answers that any authorised operation may give besides its own. */
const COMMON_ERRORS: readonly ErrorCode[] = [
  "malformed_http",
  "unauthorized",
  "forbidden",
  "head_too_large",
  "internal",
  "database_unavailable",
];

function createSchemaPool(): { reference(schema: z.ZodType): Json; schemas: Json } {
  const schemas: Json = {};
  return {
    schemas,
    reference(schema) {
      const {
        $defs,
        $schema: _,
        ...rest
      } = z.toJSONSchema(schema, { io: "output", target: "draft-2020-12" }) as Json;
      const text = JSON.stringify(rest).replaceAll('"#/$defs/', '"#/components/schemas/');
      for (const [name, definition] of Object.entries(($defs ?? {}) as Json)) {
        const { $schema: _schema, id: _id, ...body } = definition as Json;
        schemas[name] = JSON.parse(
          JSON.stringify(body).replaceAll('"#/$defs/', '"#/components/schemas/'),
        ) as unknown;
      }
      const parsed = JSON.parse(text) as Json;
      const id = schema.meta()?.id;
      if (id === undefined) return parsed;
      const { id: _own, ...body } = parsed;
      schemas[id] = body;
      return { $ref: `#/components/schemas/${id}` };
    },
  };
}

function requestBody(request: RequestBody, reference: (schema: z.ZodType) => Json): Json {
  switch (request.kind) {
    case "json":
      return { required: true, content: { "application/json": { schema: reference(request.schema) } } };
    case "raw":
      return { content: { "application/json": { schema: {} }, "application/octet-stream": { schema: {} } } };
    case "source":
      return {
        required: true,
        content: {
          "multipart/form-data": {
            schema: {
              type: "object",
              required: ["manifest"],
              properties: {
                manifest: { type: "string", description: "function.yaml" },
                source: {
                  type: "string",
                  format: "binary",
                  description: "tar.gz or zip; an update without it keeps the source",
                },
              },
            },
          },
        },
      };
    default:
      return request satisfies never;
  }
}

function responseContent(response: ResponseBody, reference: (schema: z.ZodType) => Json): Json | undefined {
  switch (response.kind) {
    case "json":
      return { "application/json": { schema: reference(response.schema) } };
    case "events":
      return {
        "text/event-stream": {
          schema: { type: "string", description: "`event: log`, `id`, and as `data` one LogEntry" },
          "x-event-schema": reference(response.schema),
        },
      };
    case "html":
      return { "text/html": { schema: { type: "string" } } };
    case "raw":
      return { "application/json": { schema: {} } };
    case "empty":
      return undefined;
    default:
      return response satisfies never;
  }
}

function queryParameters(schema: z.ZodType): Json[] {
  const shape = z.toJSONSchema(schema, { io: "input", target: "draft-2020-12" }) as Json;
  const required = (shape["required"] ?? []) as string[];
  return Object.entries((shape["properties"] ?? {}) as Json).map(([name, property]) => ({
    name,
    in: "query",
    required: required.includes(name),
    schema: property,
  }));
}

function authorisation({ permission }: Operation): Json {
  if (permission === "public") return { security: [] };
  const description =
    permission === "signature"
      ? "Needs a URL that the platform signed."
      : `Needs the permission \`${permission}\`.`;
  return {
    "x-permission": permission,
    description,
    ...(permission === "signature" ? { security: [] } : {}),
  };
}

function operationObject(operation: Operation, reference: (schema: z.ZodType) => Json): Json {
  const parameters = [
    ...Array.from(operation.path.matchAll(/\{(\w+)\}/g), ([, name]) => ({
      name,
      in: "path",
      required: true,
      schema: { type: "string" },
    })),
    ...queryParameters(operation.query),
  ];
  const content = responseContent(operation.response, reference);
  const responses: Json = {
    [operation.status]: { description: operation.summary, ...(content === undefined ? {} : { content }) },
  };
  const codes =
    operation.permission === "public" ? operation.errors : [...operation.errors, ...COMMON_ERRORS];
  for (const code of codes.toSorted((a, b) => errorTable[a].status - errorTable[b].status)) {
    const status = errorTable[code].status;
    const known = responses[status] as { description: string } | undefined;
    responses[status] = {
      description: known === undefined ? code : `${known.description}, ${code}`,
      content: { "application/json": { schema: { $ref: "#/components/schemas/Error" } } },
    };
  }
  return {
    operationId: operation.id,
    summary: operation.summary,
    tags: [operation.tag],
    ...authorisation(operation),
    parameters,
    ...(operation.request === undefined ? {} : { requestBody: requestBody(operation.request, reference) }),
    responses,
  };
}

/** The document at `/openapi.json`, made from `OPERATIONS`. */
export function createOpenApi(version: string): Json {
  const pool = createSchemaPool();
  pool.reference(errorBodySchema);
  const paths: Record<string, Json> = {};
  for (const operation of OPERATIONS) {
    const item = (paths[operation.path] ??= {});
    item[operation.method.toLowerCase()] = operationObject(operation, pool.reference);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "hanzo-fn control plane",
      version,
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
      description: "Functions, revisions, traffic, triggers, logs and figures (HIP-60).",
    },
    security: [{ bearer: [] }, { apiKey: [] }],
    paths,
    components: {
      schemas: pool.schemas,
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer", description: "A JWT of the IAM, or an API key." },
        apiKey: { type: "apiKey", in: "header", name: "X-API-Key" },
      },
    },
  };
}
