import { formatDuration } from "../../duration.ts";
import { leaf, refuse, type Leaf } from "../../document/leaf.ts";
import { choice, described, duration, flag, text } from "../../document/leaves.ts";
import { once, zod } from "../../document/lazy.ts";
import { didYouMean } from "../../document/suggest.ts";
import type { Cors, RateLimit } from "../../routes.ts";
import type { HttpTrigger } from "../types.ts";
import type { TriggerKind } from "./trigger.ts";
import { pathProblem } from "./http-path.ts";

export const HTTP_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"] as const;

const WINDOWS: Readonly<Record<string, number>> = {
  s: 1000,
  sec: 1000,
  min: 60_000,
  hour: 3_600_000,
  h: 3_600_000,
  day: 86_400_000,
};

const RATE_RULE = "must be a rate such as 10/s, 100/min, 1000/hour or 5000/day";

function rateLimit(): Leaf<RateLimit> {
  return leaf<RateLimit>({
    json: { type: "string", pattern: "^[1-9][0-9]{0,8}/(s|sec|min|hour|h|day)$", examples: ["100/min"] },
    parse(value) {
      const match = typeof value === "string" ? /^([1-9]\d{0,8})\/([a-z]+)$/.exec(value) : null;
      const windowMs = WINDOWS[match?.[2] ?? ""];
      if (match !== null && windowMs !== undefined) return { count: Number(match[1]), windowMs };
      return refuse(RATE_RULE, suggestRate(String(value)));
    },
  });
}

function suggestRate(value: string): string | undefined {
  const match = /^\s*(\d+)\s*(?:\/|per|p)\s*(s|m|h|d)[a-z]*\s*$/i.exec(value);
  const unit = { s: "s", m: "min", h: "hour", d: "day" }[match?.[2]?.toLowerCase() ?? ""];
  return match === null || unit === undefined ? undefined : `did you mean ${match[1]}/${unit}?`;
}

export function formatRate(limit: RateLimit): string {
  const unit = { 1000: "s", 60_000: "min", 3_600_000: "hour", 86_400_000: "day" }[limit.windowMs] ?? "s";
  return `${limit.count}/${unit}`;
}

function path(): Leaf<string> {
  return leaf<string>({
    json: {
      type: "string",
      pattern: "^/",
      maxLength: 1024,
      examples: ["/v1/functions/my-function", "/hooks/*"],
    },
    parse(value) {
      if (typeof value !== "string") return refuse("must be an absolute path such as /hooks/stripe");
      const problem = pathProblem(value);
      return problem === undefined ? value : refuse(problem.rule, problem.suggestion);
    },
  });
}

function method(): Leaf<string> {
  return leaf<string>({
    json: { type: "string", enum: [...HTTP_METHODS] },
    parse(value) {
      if (typeof value === "string" && (HTTP_METHODS as readonly string[]).includes(value)) return value;
      const rule = `must be one of ${HTTP_METHODS.join(", ")}`;
      return refuse(rule, typeof value === "string" ? didYouMean(value, HTTP_METHODS) : undefined);
    },
  });
}

const headerName = (): Leaf<string> =>
  text({ pattern: /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, rule: "must be a header name", max: 128 });

function origin(): Leaf<string> {
  return text({
    pattern: /^(\*|https?:\/\/[a-z0-9.-]+(:[0-9]{1,5})?|https?:\/\/\[[0-9a-f:.]+\](:[0-9]{1,5})?)$/,
    rule: "must be `*` or an origin such as https://app.example.com",
    suggest: (value) => {
      try {
        const { origin } = new URL(value);
        return origin === "null" || origin === value ? undefined : `did you mean ${origin}?`;
      } catch {
        return undefined;
      }
    },
  });
}

const CORS_SOURCE = "browsers need it to call an HTTP trigger from a page";

function corsSchema() {
  const { z } = zod();
  return z.strictObject({
    origins: described(z.array(origin()).min(1), "Origins that may read answers; `*` for any.", CORS_SOURCE),
    methods: described(
      z.array(method()).min(1),
      "Methods a preflight allows. Default: the trigger's methods.",
      CORS_SOURCE,
    ).optional(),
    headers: described(
      z.array(headerName()).prefault([]),
      "Request headers a preflight allows.",
      CORS_SOURCE,
    ),
    expose_headers: described(
      z.array(headerName()).prefault([]),
      "Response headers a page may read.",
      CORS_SOURCE,
    ),
    credentials: described(
      flag().prefault(false),
      "Allow cookies and authorization; not with `*`.",
      CORS_SOURCE,
    ),
    max_age: described(
      duration({ maxMs: 86_400_000, wholeSeconds: true }).prefault("10m"),
      "How long a browser may keep a preflight.",
      CORS_SOURCE,
    ),
  });
}

interface HttpFields {
  path: string;
  methods: string[];
  auth: HttpTrigger["auth"];
  rate_limit?: RateLimit;
  cors?: {
    origins: string[];
    methods?: string[];
    headers: string[];
    expose_headers: string[];
    credentials: boolean;
    max_age: number;
  };
}

function printCors(cors: Cors): Record<string, unknown> {
  return {
    origins: cors.origins,
    methods: cors.methods,
    headers: cors.headers,
    expose_headers: cors.exposeHeaders,
    credentials: cors.credentials,
    max_age: formatDuration(cors.maxAgeSeconds * 1000),
  };
}

/** HIP-60, HTTP Trigger. */
export const http: TriggerKind<HttpTrigger> = {
  type: "http",
  description: "A path on the invocation proxy.",
  schema: once(() => {
    const { z } = zod();
    return z.strictObject({
      type: z.literal("http"),
      path: described(
        path(),
        "Absolute path; a trailing `/*` takes every path below it. `/v1/functions/<name>` belongs to the function of that name.",
      ),
      methods: described(z.array(method()).min(1).prefault(["POST"]), "Methods that reach the function."),
      auth: described(
        choice(["required", "optional", "none"]).prefault("required"),
        "`required`: a valid token or key with `functions:invoke`; `optional`: anonymous without one; `none`: never looked at.",
      ),
      rate_limit: described(
        rateLimit(),
        "Calls per API key, subject or client address: `N/(s|sec|min|hour|h|day)`.",
      ).optional(),
      cors: described(corsSchema(), "Cross-origin access for browsers.", CORS_SOURCE).optional(),
    });
  }),
  read(raw) {
    const fields = raw as unknown as HttpFields;
    const { cors } = fields;
    return {
      type: "http",
      path: fields.path,
      methods: fields.methods,
      auth: fields.auth,
      ...(fields.rate_limit === undefined ? {} : { rateLimit: fields.rate_limit }),
      ...(cors === undefined
        ? {}
        : {
            cors: {
              origins: cors.origins,
              methods: cors.methods ?? fields.methods,
              headers: cors.headers,
              exposeHeaders: cors.expose_headers,
              credentials: cors.credentials,
              maxAgeSeconds: cors.max_age / 1000,
            },
          }),
    };
  },
  print: (trigger) => ({
    type: "http",
    path: trigger.path,
    methods: trigger.methods,
    auth: trigger.auth,
    ...(trigger.rateLimit === undefined ? {} : { rate_limit: formatRate(trigger.rateLimit) }),
    ...(trigger.cors === undefined ? {} : { cors: printCors(trigger.cors) }),
  }),
  sourceKey: (trigger) => trigger.path,
};
