import { leaf, refuse, type Leaf } from "../document/leaf.ts";
import type { Gpu } from "./types.ts";

const RESOURCE = /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?\/[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/;
const BARE_RESOURCE = "nvidia.com/gpu";

function request(resource: string, count: string): Gpu | undefined {
  return RESOURCE.test(resource) && /^\d{1,3}$/.test(count) ? { resource, count: Number(count) } : undefined;
}

function read(value: unknown): Gpu | undefined {
  if (typeof value === "number") return request(BARE_RESOURCE, String(value));
  if (typeof value === "object" && value !== null) {
    const [entry, ...more] = Object.entries(value);
    return entry === undefined || more.length > 0 ? undefined : request(entry[0], String(entry[1]));
  }
  const written = String(value).trim();
  if (/^\d+$/.test(written)) return request(BARE_RESOURCE, written);
  const match = /^([^\s:=]+)\s*[:=]\s*(\d+)$/.exec(written);
  return match === null ? undefined : request(match[1] ?? "", match[2] ?? "");
}

/** `"nvidia.com/gpu: 1"` as HIP-60 writes it, `"nvidia.com/gpu=1"`, `1`, `"1"` or `{nvidia.com/gpu: 1}`. */
export function gpu(): Leaf<Gpu> {
  return leaf<Gpu>({
    json: {
      anyOf: [
        { type: "string", pattern: "^([^\\s:=]+\\s*[:=]\\s*)?[0-9]+$" },
        { type: "integer", minimum: 1 },
        {
          type: "object",
          minProperties: 1,
          maxProperties: 1,
          additionalProperties: { type: "integer", minimum: 1 },
        },
      ],
      examples: ["nvidia.com/gpu: 1"],
    },
    parse(value) {
      const found = read(value);
      if (found === undefined) return refuse('must be a GPU request such as "nvidia.com/gpu: 1"');
      if (found.count >= 1) return found;
      return refuse("must request at least 1 GPU", "leave `gpu` out for a CPU function");
    },
  });
}
