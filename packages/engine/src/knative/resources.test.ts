import { Secret } from "@hanzo-fn/contract";
import { describe, expect, it } from "vitest";
import type { DesiredRevision } from "../engine.ts";
import type { Applied, KubeObject } from "./kube.ts";
import { checkNamespace, organisationResources } from "./namespace.ts";
import { egressWarnings } from "./policies.ts";
import { resources } from "./resources.ts";
import { scaleAnnotations } from "./scaling.ts";
import { trafficTargets } from "./traffic.ts";
import {
  FULL_CONFIG,
  fullWish,
  functionWish,
  PLANTED,
  revision,
  revisionWish,
  settingsOf,
} from "./test-wishes.ts";

const SETTINGS = settingsOf("auth: {org: hanzo}");
const FULL = settingsOf(FULL_CONFIG);

interface Template {
  readonly metadata: { readonly annotations: Record<string, string> };
  readonly spec: {
    readonly timeoutSeconds: number;
    readonly responseStartTimeoutSeconds: number;
    readonly containers: readonly [
      {
        readonly env: readonly { readonly name: string; readonly value?: string }[];
        readonly resources: {
          readonly requests: Record<string, string>;
          readonly limits: Record<string, string>;
        };
        readonly livenessProbe: { readonly periodSeconds: number; readonly failureThreshold: number };
      },
    ];
  };
}

function service(applied: readonly Applied[]): KubeObject {
  const found = applied.find(
    ({ object, manager }) => object.kind === "Service" && manager.endsWith("deploy"),
  );
  if (found === undefined) throw new Error("no Service");
  return found.object;
}

function templateOf(desired: Partial<DesiredRevision>, settings = SETTINGS): Template {
  const made = resources(functionWish(), [revisionWish(revision(1, desired))], settings);
  return (service(made)["spec"] as { template: Template }).template;
}

function scalingOf(more: object): Record<string, string> {
  const scaling = { minInstances: 2, maxInstances: 5, targetConcurrency: 3, scaleDownDelayMs: 1500, ...more };
  return scaleAnnotations({ percent: 100 }, scaling);
}

describe("resources", () => {
  it("gives the same bytes for the same input", () => {
    const make = (): string => {
      const { fn, revisions } = fullWish();
      return JSON.stringify(resources(fn, revisions, FULL));
    };
    expect(make()).toBe(make());
  });

  it("gives the same bytes whatever the order of variables, secrets and revisions", () => {
    const { fn, revisions } = fullWish();
    const turned = revisions.map((item) => ({
      ...item,
      desired: {
        ...item.desired,
        environment: Object.fromEntries(Object.entries(item.desired.environment).reverse()),
        secrets: Object.fromEntries(Object.entries(item.desired.secrets).reverse()),
      },
    }));
    expect(JSON.stringify(resources(fn, turned, FULL))).toBe(JSON.stringify(resources(fn, revisions, FULL)));
  });

  it("has the value of a secret in Secrets alone", () => {
    const { fn, revisions } = fullWish();
    const others = resources(fn, revisions, FULL).filter(({ object }) => object.kind !== "Secret");
    const text = JSON.stringify(others);
    expect(text).not.toContain(PLANTED);
    expect(text).not.toContain(Buffer.from(PLANTED).toString("base64").slice(0, 12));
    const secrets = resources(fn, revisions, FULL).filter(({ object }) => object.kind === "Secret");
    expect(JSON.stringify(secrets)).toContain(Buffer.from(PLANTED).toString("base64"));
  });

  it("applies what pods need before the Service, and the traffic last under its own manager", () => {
    const { fn, revisions } = fullWish();
    const order = resources(fn, revisions, FULL).map(({ object, manager }) => `${object.kind} ${manager}`);
    expect(order.slice(-2)).toEqual(["Service hanzo-functions/deploy", "Service hanzo-functions/traffic"]);
    const [template, traffic] = resources(fn, revisions, FULL).slice(-2);
    expect(template?.object["spec"]).not.toHaveProperty("traffic");
    expect(Object.keys(traffic?.object["spec"] as object)).toEqual(["traffic"]);
  });

  it.each(["PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION", "HANZO_FN_ORG", "TMPDIR", "HANZO_ORG"])(
    "refuses the reserved variable %s of the user, as a value and as a secret",
    (name) => {
      expect(() => templateOf({ environment: { [name]: "x" } })).toThrow(`the variable ${name} is reserved`);
      expect(() => templateOf({ secrets: { [name]: "x" } })).toThrow();
    },
  );

  it("sets no variable that Knative's webhook refuses, and none twice", () => {
    const { fn, revisions } = fullWish();
    const { containers } = (service(resources(fn, revisions, FULL))["spec"] as { template: Template })
      .template.spec;
    const names = containers[0].env.map(({ name }) => name);
    expect(names.filter((name) => /^(PORT|K_.*)$/.test(name))).toEqual([]);
    expect(new Set(names).size).toBe(names.length);
  });

  it("keeps dollar signs of values from being expanded by the kubelet", () => {
    const { containers } = templateOf({ environment: { A: "$(B) $$ $", B: "b" } }).spec;
    expect(containers[0].env[0]).toEqual({ name: "A", value: "$$(B) $$$$ $$" });
  });

  it("refuses an image by tag, a name at fault and a missing secret", () => {
    const wish = (more: object) => [{ ...revisionWish(revision(1)), ...more }];
    expect(() => resources(functionWish(), wish({ image: "registry/x:latest" }), SETTINGS)).toThrow(
      "by its digest",
    );
    expect(() => resources(functionWish({ function: "a-00001" }), wish({}), SETTINGS)).toThrow(
      "are named so",
    );
    expect(() => templateOf({ secrets: { A: "gone" } })).toThrow("the secret gone does not exist");
  });

  it("refuses secrets that one Secret cannot hold", () => {
    const fn = functionWish({ secrets: new Map([["big", new Secret("x".repeat(1_048_577))]]) });
    const wish = [revisionWish(revision(1, { secrets: { BIG: "big" } }))];
    expect(() => resources(fn, wish, SETTINGS)).toThrow("more than 1Mi together");
  });

  it("gives two organisations with the same function name nothing in common", () => {
    const namespaces = ["acme", "Acme"].map((org) => {
      const made = resources(functionWish({ org }), [revisionWish(revision(1, { org }))], SETTINGS);
      return new Set(made.map(({ object }) => object.metadata.namespace));
    });
    expect(namespaces.map((set) => set.size)).toEqual([1, 1]);
    expect(new Set(namespaces.flatMap((set) => [...set])).size).toBe(2);
  });

  it("writes nothing for a function without revisions", () => {
    expect(resources(functionWish(), [], SETTINGS)).toEqual([]);
  });
});

describe("the pod of a function", () => {
  it("has its memory as request and limit, and a CPU limit of a core at least", () => {
    const small = templateOf({ cpuMillis: 100 }).spec.containers[0].resources;
    expect(small).toEqual({
      requests: { cpu: "100m", memory: "256Mi" },
      limits: { cpu: "1", memory: "256Mi" },
    });
    expect(templateOf({ cpuMillis: 2500 }).spec.containers[0].resources.limits).toMatchObject({
      cpu: "2500m",
    });
  });

  it("has a timeout that counts the cold start, for the first byte too", () => {
    const { timeoutSeconds, responseStartTimeoutSeconds } = templateOf({ timeoutMs: 900_000 }).spec;
    expect([timeoutSeconds, responseStartTimeoutSeconds]).toEqual([960, 960]);
    expect(templateOf({ timeoutMs: 500 }).spec.timeoutSeconds).toBe(61);
  });

  it.each([1, 500, 60_000, 900_000])(
    "is not ended by its liveness before a timeout of %i ms",
    (timeoutMs) => {
      const { periodSeconds, failureThreshold } = templateOf({ timeoutMs }).spec.containers[0].livenessProbe;
      expect((failureThreshold - 1) * periodSeconds * 1000).toBeGreaterThanOrEqual(timeoutMs);
    },
  );

  it.each([
    [1, "-1"],
    [3, "-1"],
    [4, "0"],
    [1000, "0"],
  ])("with concurrency %i has a burst capacity of %s", (concurrency, capacity) => {
    const { annotations } = templateOf({ concurrency }).metadata;
    expect(annotations["autoscaling.knative.dev/target-burst-capacity"]).toBe(capacity);
  });
});

describe("scaling", () => {
  it("rounds the delay up to whole seconds, within Knative's hour", () => {
    const delay = (scaleDownDelayMs: number) =>
      scalingOf({ scaleDownDelayMs })["autoscaling.knative.dev/scale-down-delay"];
    expect([0, 1, 1500, 3_600_000, 9_000_000].map(delay)).toEqual(["0s", "1s", "2s", "3600s", "3600s"]);
  });

  it("keeps the minimum only where there is traffic, and never a maximum of 0, which means without limit", () => {
    const scaling = { minInstances: 2, maxInstances: 0, targetConcurrency: 0, scaleDownDelayMs: 0 };
    expect(scaleAnnotations({ percent: 0 }, scaling)["autoscaling.knative.dev/min-scale"]).toBe("0");
    expect(scaleAnnotations({ percent: 1 }, scaling)).toMatchObject({
      "autoscaling.knative.dev/min-scale": "1",
      "autoscaling.knative.dev/max-scale": "1",
      "autoscaling.knative.dev/target": "1",
    });
  });
});

describe("traffic", () => {
  it("goes to the latest revision until one is ready", () => {
    expect(trafficTargets([revision(1)])).toEqual([{ latestRevision: true, percent: 100 }]);
  });

  it("names ready revisions and those with a share, and sums to 100", () => {
    const list = [
      revision(4),
      revision(1, { proven: true }),
      revision(3, { percent: 10 }),
      revision(2, { percent: 90 }),
    ];
    const targets = trafficTargets(list);
    expect(targets.map(({ revisionName, percent }) => [revisionName, percent])).toEqual([
      ["embed-document-00001", 0],
      ["embed-document-00002", 90],
      ["embed-document-00003", 10],
    ]);
    expect(new Set(targets.map(({ tag }) => tag)).size).toBe(3);
  });

  it("sums to 100 whatever the split", () => {
    for (let share = 0; share <= 100; share++) {
      const targets = trafficTargets([
        revision(1, { percent: share }),
        revision(2, { percent: 100 - share }),
      ]);
      expect(targets.reduce((sum, { percent }) => sum + percent, 0)).toBe(100);
    }
  });

  it("refuses shares that do not", () => {
    expect(() => trafficTargets([revision(1, { percent: 99 })])).toThrow("sums to 99 %");
  });
});

describe("egress", () => {
  const policyOf = (egress: string[], config = "{}"): string => {
    const made = resources(functionWish({ egress }), [revisionWish(revision(1))], settingsOf(config));
    return JSON.stringify(made.find(({ object }) => object.kind === "NetworkPolicy")?.object["spec"]);
  };

  it("opens no address outside without an allowlist", () => {
    expect(policyOf([])).not.toContain("0.0.0.0/0");
  });

  it("opens the ports of listed origins to public addresses, and says that hosts are not enforced", () => {
    const policy = policyOf(["https://a.example", "https://b.example:8443"]);
    expect(policy).toContain('"ports":[{"protocol":"TCP","port":443},{"protocol":"TCP","port":8443}]');
    expect(policy).toContain('"except":["0.0.0.0/8","10.0.0.0/8"');
    expect(egressWarnings(["https://a.example"], SETTINGS)[0]).toContain("hosts are not enforced");
    expect(egressWarnings(["https://203.0.113.9"], SETTINGS)).toEqual([]);
  });

  it("opens addresses alone where the configuration says so, and says what is closed", () => {
    const config = "knative: {egress: {external: none}}";
    const policy = policyOf(["https://a.example", "https://203.0.113.9"], config);
    expect(policy).not.toContain("0.0.0.0/0");
    expect(policy).toContain("203.0.113.9/32");
    expect(egressWarnings(["https://a.example"], settingsOf(config))[0]).toContain("cannot be reached");
  });

  it("never opens the function's own port to anybody", () => {
    expect(policyOf([])).not.toContain("8080");
  });
});

describe("an organisation's namespace", () => {
  it("has no budget unless the settings ask for one", () => {
    const kinds = organisationResources("acme", SETTINGS).map(({ object }) => object.kind);
    expect(kinds).toEqual(["Namespace", "NetworkPolicy"]);
  });

  it("is not taken from somebody else", () => {
    const live = (labels: Record<string, string>, org?: string) => ({
      metadata: {
        name: "hanzo-functions-acme",
        labels,
        annotations: org === undefined ? {} : { "functions.hanzo.ai/organisation": org },
      },
    });
    const ours = { "app.kubernetes.io/managed-by": "hanzo-functions" };
    expect(() => checkNamespace(undefined, "acme", SETTINGS)).not.toThrow();
    expect(() => checkNamespace(live(ours, "acme"), "acme", SETTINGS)).not.toThrow();
    expect(() => checkNamespace(live({}), "acme", SETTINGS)).toThrow("is not the platform's");
    expect(() => checkNamespace(live(ours, "other"), "acme", SETTINGS)).toThrow(
      "belongs to the organisation other",
    );
  });
});
