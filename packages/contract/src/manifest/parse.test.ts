import { describe, expect, it } from "vitest";
import { parseManifest, type ManifestOptions } from "./parse.ts";

const HEAD = ["name: thumbnail", "runtime: typescript", "version: 1.0.0", "entry: handler.webhook"].join(
  "\n",
);
const HTTP = "triggers:\n  - type: http\n    path: /v1/functions/thumbnail\n";
const VALID = `${HEAD}\n${HTTP}`;

function parsed(text: string, options?: ManifestOptions) {
  const result = parseManifest(text, options);
  if (!result.ok) throw new Error(JSON.stringify(result.error.details, null, 1));
  return result;
}

function refused(text: string, options?: ManifestOptions) {
  const result = parseManifest(text, options);
  if (result.ok) throw new Error("was accepted");
  return result.error;
}

/** The problems as `path: rule`, for the manifest above with `extra` appended. */
function problems(extra: string, options?: ManifestOptions): string[] {
  return (refused(`${VALID}${extra}`, options).details ?? []).map((item) => `${item.path}: ${item.rule}`);
}

describe("a valid manifest", () => {
  it("gets the standard's defaults", () => {
    expect(parsed(VALID).manifest).toEqual({
      name: "thumbnail",
      runtime: "typescript",
      version: "1.0.0",
      entry: "handler.webhook",
      resources: { cpuMillis: 250, memoryBytes: 256 * 2 ** 20, timeoutMs: 60_000, concurrency: 10 },
      scaling: { minInstances: 0, maxInstances: 10, targetConcurrency: 1, scaleDownDelayMs: 300_000 },
      triggers: [{ type: "http", path: "/v1/functions/thumbnail", methods: ["POST"], auth: "required" }],
      environment: {},
      secrets: [],
      network: { egress: [] },
    });
  });

  it("takes default and longest timeout of its runtime from the configuration", () => {
    const options = { runtimes: { typescript: { defaultTimeoutMs: 30_000, maxTimeoutMs: 300_000 } } };
    expect(parsed(VALID, options).manifest.resources.timeoutMs).toBe(30_000);
    expect(problems("resources: {timeout: 301s}", options)).toEqual([
      "resources.timeout: must be at most 5m for the runtime typescript on this platform",
    ]);
  });

  it("has a concurrency of 1 by default with a GPU", () => {
    const { manifest } = parsed(`${VALID}resources: {gpu: 1}`, { gpuPool: true });
    expect(manifest.resources).toMatchObject({
      gpu: { resource: "nvidia.com/gpu", count: 1 },
      concurrency: 1,
    });
  });

  it.each(['"nvidia.com/gpu: 2"', '"nvidia.com/gpu=2"', "2", '"2"', "{nvidia.com/gpu: 2}"])(
    "takes %s for two GPUs",
    (gpu) => {
      const { manifest } = parsed(`${VALID}resources: {gpu: ${gpu}}`, { gpuPool: true });
      expect(manifest.resources.gpu).toEqual({ resource: "nvidia.com/gpu", count: 2 });
    },
  );

  it("takes its name from the option", () => {
    const text = VALID.replace("/v1/functions/thumbnail", "/hook");
    expect(parsed(text, { name: "other" }).manifest.name).toBe("other");
    expect(parsed(text.replace("name: thumbnail\n", ""), { name: "other" }).manifest.name).toBe("other");
  });

  it("stores egress and warns that the local engine cannot enforce it", () => {
    const text = `${VALID}network: {egress: ["https://api.example.com"]}`;
    const local = parsed(text, { engine: "local" });
    expect(local.manifest.network.egress).toEqual(["https://api.example.com"]);
    expect(local.warnings).toHaveLength(1);
    expect(local.warnings[0]?.rule).toContain("cannot enforce");
    expect(parsed(text, { engine: "knative" }).warnings).toEqual([]);
  });

  it("reads every field of an HTTP trigger", () => {
    const text = `${HEAD}
triggers:
  - type: http
    path: /hooks/*
    methods: [GET, POST]
    auth: none
    rate_limit: 100/min
    cors: {origins: ["https://a.example"], headers: [X-A], expose_headers: [X-B], credentials: true, max_age: 60s}
`;
    expect(parsed(text).manifest.triggers).toEqual([
      {
        type: "http",
        path: "/hooks/*",
        methods: ["GET", "POST"],
        auth: "none",
        rateLimit: { count: 100, windowMs: 60_000 },
        cors: {
          origins: ["https://a.example"],
          methods: ["GET", "POST"],
          headers: ["X-A"],
          exposeHeaders: ["X-B"],
          credentials: true,
          maxAgeSeconds: 60,
        },
      },
    ]);
  });
});

describe("a manifest with ten mistakes", () => {
  const text = `name: Embed_Doc
runtime: pyhton
version: 1.0
timeout: 30s
resources:
  cpu: lots
  memroy: 1Gi
environment:
  BATCH_SIZE: 32
triggers:
  - type: htpp
  - type: http
    path: hooks
    methods: [get]
`;

  it("is answered with all ten, each with line, column, value, rule and suggestion", () => {
    const error = refused(text);
    expect(error.code).toBe("invalid_manifest");
    expect(error.status).toBe(400);
    expect(error.message).toBe("function.yaml has 11 problems");
    expect(
      error.details?.map(({ path, line, column, value, suggestion }) => [
        path,
        line,
        column,
        value,
        suggestion,
      ]),
    ).toEqual([
      ["entry", 1, 1, undefined, undefined],
      ["name", 1, 7, "Embed_Doc", "for example embed-doc"],
      ["runtime", 2, 10, "pyhton", "did you mean `python`?"],
      ["version", 3, 10, 1, "write 1.0.0"],
      ["timeout", 4, 1, "30s", "write it as resources.timeout"],
      ["resources.cpu", 6, 8, "lots", undefined],
      ["resources.memroy", 7, 3, "1Gi", "did you mean `memory`?"],
      ["environment.BATCH_SIZE", 9, 15, 32, 'put it in quotes: "32"'],
      ["triggers[0].type", 11, 11, "htpp", "did you mean `http`?"],
      ["triggers[1].path", 13, 11, "hooks", "write /hooks"],
      ["triggers[1].methods[0]", 14, 15, "get", "did you mean `GET`?"],
    ]);
    expect(error.details?.every((item) => item.rule !== "")).toBe(true);
  });

  it("names what cannot be served among the mistakes", () => {
    const error = refused(`${VALID}    auth: maybe\nedge: {enabled: true}\n`);
    expect(error.code).toBe("invalid_manifest");
    expect(error.details?.map((item) => [item.path, item.error])).toEqual([
      ["triggers[0].auth", undefined],
      ["edge", "unsupported"],
    ]);
  });
});

describe("what this build cannot serve", () => {
  it.each([["edge", `${VALID}edge: {enabled: true}`, "edge", 8]])(
    "refuses %s with 422 unsupported, field and reason",
    (_, text, path, line) => {
      const error = refused(text);
      expect([error.code, error.status]).toEqual(["unsupported", 422]);
      expect(error.details).toMatchObject([{ path, line, error: "unsupported" }]);
      expect(error.details?.[0]?.rule).toContain("this build does not");
    },
  );

  it("refuses a runtime that the platform lacks with 422 unsupported and the reason", () => {
    const text = VALID.replace("typescript", "go").replace("handler.webhook", "Classify");
    const result = parseManifest(text, { unavailable: { go: "Go is not installed" } });
    if (result.ok) throw new Error("it was accepted");
    expect([result.error.code, result.error.status]).toEqual(["unsupported", 422]);
    expect(result.error.details).toMatchObject([
      { path: "runtime", line: 2, rule: "this platform cannot run the runtime go: Go is not installed" },
    ]);
    expect(parseManifest(text).ok).toBe(true);
  });

  it("refuses a GPU without a pool with 422 gpu_unavailable", () => {
    const error = refused(`${VALID}resources: {gpu: "nvidia.com/gpu: 1"}`);
    expect([error.code, error.status]).toEqual(["gpu_unavailable", 422]);
    expect(error.details).toMatchObject([{ path: "resources.gpu", line: 8, error: "gpu_unavailable" }]);
  });

  it("prefers unsupported where both hold", () => {
    const options = { unavailable: { typescript: "Node is not installed" } };
    expect(refused(`${VALID}resources: {gpu: 1}`, options).code).toBe("unsupported");
  });

  it("accepts edge that is switched off", () => {
    expect(parsed(`${VALID}edge: {enabled: false}`).manifest.edge).toEqual({
      enabled: false,
      regions: ["all"],
    });
  });
});

describe("names, versions and entries", () => {
  const withName = (name: string) =>
    VALID.replace("name: thumbnail", `name: ${name}`).replace("/v1/functions/thumbnail", "/x");

  it.each(["a", "a1", "a-b", "a".repeat(40)])("accepts the name %s", (name) => {
    expect(parsed(withName(name)).manifest.name).toBe(name);
  });

  it.each(["1a", "-a", "a-", "A", "a_b", "a.b", '""', "a".repeat(41), "true", "null", "[a]", "ä"])(
    "refuses the name %s",
    (name) => {
      expect(refused(withName(name)).details?.[0]?.path).toBe("name");
    },
  );

  it.each(["1.2.3", "0.0.1-alpha.1", "1.0.0+build.5"])("accepts the version %s", (version) => {
    expect(parsed(VALID.replace("1.0.0", version)).manifest.version).toBe(version);
  });

  it.each(["v1.0.0", "1.0", "1", "01.0.0", "latest", "1.0.0-"])("refuses the version %s", (version) => {
    expect(refused(VALID.replace("1.0.0", version)).details?.[0]?.path).toBe("version");
  });

  it.each([
    ["python", "handler.embed"],
    ["python", "pkg.module.run"],
    ["typescript", "handler.default"],
    ["typescript", "src/handler.webhook"],
    ["go", "Classify"],
    ["go", "handler.Classify"],
    ["go", "sub/dir.Classify"],
    ["rust", "transcribe"],
    ["rust", "handler::transcribe"],
    ["rust", "handler.transcribe"],
  ])("accepts for %s the entry %s", (runtime, entry) => {
    const result = parseManifest(VALID.replace("typescript", runtime).replace("handler.webhook", entry));
    const invalid = result.ok ? [] : (result.error.details ?? []).filter((item) => item.error === undefined);
    expect(invalid).toEqual([]);
  });

  it.each([
    ["python", "handler"],
    ["python", "handler.py"],
    ["python", "../handler.run"],
    ["python", "src/handler.run"],
    ["typescript", "handler"],
    ["typescript", "src/handler.ts"],
    ["typescript", "/etc/handler.run"],
    ["typescript", "../up/handler.run"],
    ["go", "classify"],
    ["go", "../up.Classify"],
    ["go", "/etc/up.Classify"],
    ["rust", "a/b"],
    ["rust", "handler.rs"],
  ])("refuses for %s the entry %s", (runtime, entry) => {
    const error = refused(VALID.replace("typescript", runtime).replace("handler.webhook", entry));
    const details = (error.details ?? []).filter((item) => item.error === undefined);
    expect(details.map((item) => item.path)).toEqual(["entry"]);
  });
});

describe("resources and scaling", () => {
  it.each([
    ["resources: {timeout: 901s}", "resources.timeout: must be at most 15m"],
    ["resources: {timeout: 0}", "resources.timeout: must be at least 1ms"],
    ["resources: {timeout: fast}", "resources.timeout: must be a duration such as 300s, 5m, 1h30m or 500ms"],
    ["resources: {timeout: -5}", "resources.timeout: must be a duration such as 300s, 5m, 1h30m or 500ms"],
    ["resources: {memory: 256}", "resources.memory: must be at least 16Mi"],
    [
      "resources: {memory: 1GB}",
      "resources.memory: must be a Kubernetes quantity of bytes, such as 256Mi, 1Gi or 500M",
    ],
    [
      "resources: {cpu: 0}",
      "resources.cpu: must be a Kubernetes CPU quantity greater than 0, such as 250m, 0.5 or 2",
    ],
    ["resources: {concurrency: 0}", "resources.concurrency: must be from 1 to 1000"],
    ["resources: {concurrency: 2.5}", "resources.concurrency: must be a whole number"],
    ['resources: {concurrency: "4"}', "resources.concurrency: must be a whole number"],
    ["resources: {gpu: 0}", "resources.gpu: must request at least 1 GPU"],
    ["resources: {gpu: lots}", 'resources.gpu: must be a GPU request such as "nvidia.com/gpu: 1"'],
    ["resources: 5", "resources: must be a map of fields"],
    ["scaling: {min_instances: -1}", "scaling.min_instances: must be from 0 to 1000"],
    ["scaling: {max_instances: 0}", "scaling.max_instances: must be from 1 to 1000"],
    [
      "scaling: {min_instances: 11}",
      "scaling.min_instances: must be at most scaling.max_instances, which is 10",
    ],
    ["scaling: {target_concurrency: 0}", "scaling.target_concurrency: must be from 1 to 1000"],
    ["scaling: {scale_down_delay: 1500ms}", "scaling.scale_down_delay: must be whole seconds"],
    ["scaling: {scale_down_delay: 2h}", "scaling.scale_down_delay: must be at most 1h"],
    ["concurrency: 4", "concurrency: does not belong here: it is resources.concurrency"],
    ["timeout: 4s", "timeout: does not belong here: it is resources.timeout"],
    ["min_instances: 1", "min_instances: does not belong here: it is scaling.min_instances"],
    ["replicas: 2", "replicas: is not a known field"],
  ])("refuses `%s`", (extra, problem) => {
    expect(problems(extra, { gpuPool: true })).toContain(problem);
  });

  it("refuses a target above the concurrency, also above a default", () => {
    expect(problems("scaling: {target_concurrency: 11}")).toEqual([
      "scaling.target_concurrency: must be at most resources.concurrency, which is 10 (the default without a GPU)",
    ]);
    expect(problems("resources: {gpu: 1}\nscaling: {target_concurrency: 2}", { gpuPool: true })).toEqual([
      "scaling.target_concurrency: must be at most resources.concurrency, which is 1 (the default with a GPU)",
    ]);
    expect(problems("resources: {concurrency: 4}\nscaling: {target_concurrency: 5}")).toEqual([
      "scaling.target_concurrency: must be at most resources.concurrency, which is 4",
    ]);
  });
});

describe("environment, secrets and network", () => {
  it.each([
    "PORT",
    "K_SERVICE",
    "K_REVISION",
    "K_CONFIGURATION",
    "HANZO_FUNCTION",
    "HANZO_REVISION",
    "HANZO_ORG",
    "HANZO_REQUEST_ID",
    "HANZO_FN_SOCKET",
  ])("reserves %s in environment and secrets", (name) => {
    expect(problems(`environment: {${name}: x}`)).toEqual([
      `environment.${name}: is reserved for the platform`,
    ]);
    expect(problems(`secrets: [{name: s, env: ${name}}]`)).toEqual([
      "secrets[0].env: is reserved for the platform",
    ]);
  });

  it.each([
    ["environment: {1A: x}", "must be a variable name of letters, digits and `_`, not starting with a digit"],
    [
      "environment: {A-B: x}",
      "must be a variable name of letters, digits and `_`, not starting with a digit",
    ],
    ["environment: {A: true}", "must be text"],
    ["environment: {A: }", "must be text"],
    ["environment: {A: [1]}", "must be text"],
    ['environment: {A: "a\\0b"}', "must not hold NUL"],
    ["environment: [A]", "must be a map"],
    ["secrets: [{name: s}]", "is required"],
    ["secrets: [{name: s, env: A, value: x}]", "is not a known field"],
    ["secrets: [{name: ../s, env: A}]", "must be a secret name of letters, digits, `.`, `_`, `/` and `-`"],
    ["secrets: {name: s}", "must be a list"],
    ["network: {egress: [api.example.com]}", "must be an origin such as https://api.example.com"],
    ["network: {egress: ['https://a.example/path']}", "must be an origin such as https://api.example.com"],
    ["network: {egress: ['https://a.example', 'https://a.example']}", "is listed twice"],
    ["network: {ingress: []}", "is not a known field"],
    ["edge: {enabled: true, regions: []}", "needs at least 1 entry"],
    ["on_failure: mq.>", "must be an MQ subject `mq.<domain>.<entity>`, lower case, without wildcards"],
    ["on_success: mq.a.*", "must be an MQ subject `mq.<domain>.<entity>`, lower case, without wildcards"],
  ])("refuses `%s`", (extra, rule) => {
    expect(problems(extra).map((problem) => problem.slice(problem.indexOf(": ") + 2))).toContain(rule);
  });

  it("refuses a variable that is set twice", () => {
    expect(problems("environment: {A: x}\nsecrets: [{name: s, env: A}]")).toEqual([
      "secrets[0].env: is already set in environment",
    ]);
    expect(problems("secrets: [{name: s, env: A}, {name: t, env: A}]")).toEqual([
      "secrets[1].env: is already set by another secret",
    ]);
  });

  it("refuses edge for another runtime and with a GPU", () => {
    const text = VALID.replace("typescript", "python");
    const rules = refused(`${text}edge: {enabled: true}\nresources: {gpu: 1}`).details?.map(
      (item) => item.rule,
    );
    expect(rules).toEqual(
      expect.arrayContaining(["needs the runtime typescript, not python", "the Edge has no GPUs"]),
    );
  });
});

describe("a text that is no manifest", () => {
  it.each([
    ["", "is empty"],
    ["# nothing", "is empty"],
    ["just text", "must be a map of fields"],
    ["[a]", "must be a map of fields"],
  ])("refuses %j", (text, rule) => {
    expect(refused(text).details?.map((item) => item.rule)).toContain(rule);
  });

  it("reports broken YAML alone, without a list of missing fields", () => {
    const error = refused("name: [a\nruntime: typescript\n");
    expect(error.details?.every((item) => item.rule.includes("YAML"))).toBe(true);
  });

  it("reports a doubled key together with the other problems", () => {
    const error = refused(`${VALID}name: again\nversion: 2\n`);
    expect(error.details?.map((item) => `${item.line}: ${item.path}`)).toEqual(["8: name", "9: version"]);
  });

  it("refuses 10 MB and more than the configured limit before parsing", () => {
    expect(refused(`# ${"x".repeat(10_000_000)}\n${VALID}`).details?.[0]?.rule).toContain(
      "must be at most 1048576 bytes",
    );
    expect(refused(VALID, { limits: { maxManifestBytes: 20 } }).details?.[0]?.rule).toContain(
      "must be at most 20 bytes",
    );
  });

  it("needs at least one trigger", () => {
    expect(refused(HEAD).details).toMatchObject([{ path: "triggers", rule: "is required" }]);
    expect(refused(`${HEAD}\ntriggers: []`).details).toMatchObject([
      { path: "triggers", rule: "needs at least 1 entry" },
    ]);
  });

  it("does not repeat a long value", () => {
    const error = refused(`${VALID}description: ${"x".repeat(5000)}`);
    expect(String(error.details?.[0]?.value).length).toBeLessThan(300);
  });
});
