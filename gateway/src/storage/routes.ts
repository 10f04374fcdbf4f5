import type { ObjectPage } from "@hanzo-fn/blobs";
import { type Answer, type Call, json, readJson, type Route } from "../call.ts";
import { fieldsOf, onlyFields, optionalInteger, optionalText, textField } from "../fields.ts";
import { badRequest, refuse } from "../refuse.ts";
import { getObject, headObject, putObject, quoted } from "./content.ts";
import { nameOf, type Place } from "./refs.ts";
import type { Storage } from "./storage.ts";

const OBJECT = "/v1/storage/object";
const MAX_JSON_BYTES = 16_384;
const MAX_PAGE = 1000;
const DEFAULT_EXPIRES_S = 3600;
const MAX_EXPIRES_S = { GET: 86_400, PUT: 3600 } as const;

function refOf({ url }: Call): string {
  const ref = url.searchParams.get("ref") ?? "";
  if (ref !== "") return ref;
  throw badRequest("the parameter ref is missing");
}

function limitOf({ url }: Call): number {
  const text = url.searchParams.get("limit");
  if (text === null) return MAX_PAGE;
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= MAX_PAGE) return limit;
  throw badRequest(`limit must be a whole number from 1 to ${MAX_PAGE}`);
}

async function head(storage: Storage, call: Call): Promise<Answer> {
  const ref = refOf(call);
  const place = await storage.object(ref, call.identity, "read");
  const answer = await headObject(storage.objects, place, call.signal);
  if (answer !== undefined) return answer;
  throw refuse("not_found", `there is no object s3://${place.bucket}/${place.key}`);
}

async function put(storage: Storage, call: Call): Promise<Answer> {
  const place = await storage.object(refOf(call), call.identity, "write");
  await storage.ensureBucket(place.bucket);
  const { size, etag } = await putObject(storage.objects, place, call);
  return json({ key: nameOf(place, call.identity, place.key), size, etag: quoted(etag) });
}

function shownPage(page: ObjectPage, place: Place, { identity }: Call): Answer {
  const objects = page.objects.map(({ key, size, etag, modifiedAt }) => ({
    key: nameOf(place, identity, key),
    size,
    etag: quoted(etag),
    modified: modifiedAt.toISOString(),
  }));
  return json({ objects, cursor: page.cursor ?? null });
}

async function list(storage: Storage, call: Call): Promise<Answer> {
  const { searchParams } = call.url;
  const place = await storage.prefix(searchParams.get("prefix") ?? "", call.identity);
  await storage.ensureBucket(place.bucket);
  const page = await storage.objects.list(place.bucket, {
    prefix: place.key,
    cursor: searchParams.get("cursor") ?? undefined,
    limit: limitOf(call),
    signal: call.signal,
  });
  return shownPage(page, place, call);
}

async function presign(storage: Storage, call: Call): Promise<Answer> {
  const fields = fieldsOf(await readJson(call.request, MAX_JSON_BYTES), "the body");
  onlyFields(fields, ["ref", "method", "expires_s"]);
  const method = optionalText(fields, "method") ?? "GET";
  if (method !== "GET" && method !== "PUT") throw badRequest("method must be GET or PUT");
  const expiresSeconds =
    optionalInteger(fields, "expires_s", [1, MAX_EXPIRES_S[method]]) ?? DEFAULT_EXPIRES_S;
  const wanted = method === "GET" ? "read" : "write";
  const { bucket, key } = await storage.object(textField(fields, "ref"), call.identity, wanted);
  if (method === "PUT") await storage.ensureBucket(bucket);
  const { signal } = call;
  const signed = await storage.objects.presign(bucket, key, { method, expiresSeconds, signal });
  return json({ url: signed.url, expires_at: signed.expiresAt.toISOString() });
}

export function storageRoutes(storage: Storage): readonly Route[] {
  return [
    {
      kind: "storage",
      method: "GET",
      path: OBJECT,
      async handle(call) {
        const place = await storage.object(refOf(call), call.identity, "read");
        const { range } = call.request.headers;
        return getObject(storage.objects, place, { range, signal: call.signal });
      },
    },
    { kind: "storage", method: "HEAD", path: OBJECT, handle: (call) => head(storage, call) },
    { kind: "storage", method: "PUT", path: OBJECT, handle: (call) => put(storage, call) },
    {
      kind: "storage",
      method: "DELETE",
      path: OBJECT,
      async handle(call) {
        const { bucket, key } = await storage.object(refOf(call), call.identity, "write");
        await storage.objects.delete(bucket, key, call.signal);
        return { status: 204, headers: {} };
      },
    },
    { kind: "storage", method: "GET", path: "/v1/storage/list", handle: (call) => list(storage, call) },
    {
      kind: "storage",
      method: "POST",
      path: "/v1/storage/presign",
      handle: (call) => presign(storage, call),
    },
  ];
}
