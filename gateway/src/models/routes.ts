import { createReadStream } from "node:fs";
import { join } from "node:path";
import { type Answer, type Call, json, readJson, type Route } from "../call.ts";
import { fieldsOf, onlyFields, textField } from "../fields.ts";
import { badRequest, refuse } from "../refuse.ts";
import { parseRange, quoted } from "../storage/content.ts";
import type { Models } from "./models.ts";
import type { LocalModel } from "./tree.ts";

const MAX_JSON_BYTES = 4096;
const FILE = /^\/v1\/models\/([^/]+)\/files\/(.+)$/;

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw badRequest("the path is not percent-encoded");
  }
}

/** One file of a model, whole or a range of it. */
function fileAnswer(model: LocalModel, name: string, call: Call): Answer {
  const file = model.files.find((each) => each.name === name);
  if (file === undefined)
    throw refuse("not_found", `the model has no file ${JSON.stringify(name.slice(0, 200))}`);
  const range = parseRange(call.request.headers.range);
  const last = file.size - 1;
  const start =
    range === undefined ? 0 : "suffix" in range ? Math.max(0, file.size - range.suffix) : range.start;
  const end = range !== undefined && "start" in range ? Math.min(range.end ?? last, last) : last;
  if (range !== undefined && start > end) {
    throw refuse("range_not_satisfiable", `${name} has ${file.size} bytes`);
  }
  const part = range === undefined ? {} : { "content-range": `bytes ${start}-${end}/${file.size}` };
  return {
    status: range === undefined ? 200 : 206,
    headers: {
      "content-type": "application/octet-stream",
      "content-length": String(end - start + 1),
      "accept-ranges": "bytes",
      etag: quoted(file.sha256),
      ...part,
    },
    // Of an empty file there is nothing to read, not even its first byte.
    body:
      file.size === 0 ? "" : createReadStream(join(model.path, name), { start, end, signal: call.signal }),
  };
}

export function modelRoutes(models: Models): readonly Route[] {
  return [
    {
      kind: "models",
      method: "POST",
      path: "/v1/models",
      async handle({ identity, request, signal }) {
        const fields = fieldsOf(await readJson(request, MAX_JSON_BYTES), "the body");
        onlyFields(fields, ["name"]);
        const name = textField(fields, "name");
        const { path, digest, files } = await models.resolve(name, identity.org, signal);
        return json({ name, path, digest, files });
      },
    },
    {
      kind: "models",
      method: "GET",
      path: FILE,
      async handle(call) {
        const [, name = "", file = ""] = FILE.exec(call.url.pathname) ?? [];
        const model = await models.resolve(decoded(name), call.identity.org, call.signal);
        return fileAnswer(model, decoded(file), call);
      },
    },
  ];
}
