import { readFileSync, writeFileSync } from "node:fs";
import { Secret } from "@hanzo-fn/contract";
import { describe, expect, it } from "vitest";
import { gatewayResources } from "./gateway.ts";
import { ingressResources } from "./ingress/resources.ts";
import type { Applied } from "./kube.ts";
import { organisationResources } from "./namespace.ts";
import { resources } from "./resources.ts";
import { FULL_CONFIG, fullWish, functionWish, revision, revisionWish, settingsOf } from "./test-wishes.ts";

const FULL = settingsOf(FULL_CONFIG);
const PLAIN = settingsOf("auth: {org: hanzo}");
const EXTERNAL = settingsOf("auth: {org: hanzo}\nknative: {ingress: external, cpu_limit: 0}");

/** One file each; `GOLDEN=write` writes them anew, and the difference is for a reader to judge. */
const SCENARIOS: Readonly<Record<string, () => Applied[]>> = {
  "first-deploy": () => resources(functionWish(), [revisionWish(revision(1))], PLAIN),
  "gpu-split-secrets-gateway": () => {
    const { fn, revisions } = fullWish();
    return resources(fn, revisions, FULL);
  },
  "external-ingress-no-cpu-limit": () =>
    resources(
      functionWish({ org: "Acme.Labs", function: "hook" }),
      [revisionWish(revision(12, { org: "Acme.Labs", name: "hook", percent: 100, proven: true }))],
      EXTERNAL,
    ),
  "organisation-with-budget": () =>
    organisationResources("acme", FULL, new Secret('{"auths":{"registry.example:5000":{"auth":"dTpw"}}}')),
  gateway: () => gatewayResources(FULL),
  ingress: () => ingressResources(FULL),
};

function file(name: string): URL {
  return new URL(`golden/${name}.json`, import.meta.url);
}

function paths(value: unknown, at: string): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => paths(item, `${at}[]`));
  if (typeof value !== "object" || value === null) return [at];
  return Object.entries(value).flatMap(([key, item]) => paths(item, `${at}.${key}`));
}

/** Every field that is set in these objects, as `Service.spec.template.metadata.name`; of env variables the names too. */
function fieldsOf(applied: readonly Applied[]): Set<string> {
  return new Set(
    applied.flatMap(({ manager, object }) => [
      ...paths(object, `${manager} ${object.kind}`),
      ...[...JSON.stringify(object).matchAll(/"name":"(HANZO_FN_\w+|TMPDIR)"/g)].map(
        ([, name]) => `variable ${name}`,
      ),
    ]),
  );
}

/** Every combination of what `resources` and its kin decide by. */
function* everything(): Generator<Applied[]> {
  const { fn, revisions } = fullWish();
  const configs = [FULL, PLAIN, EXTERNAL];
  for (const settings of configs) {
    yield organisationResources("acme", settings, new Secret("{}"));
    yield organisationResources("acme", settings);
    yield gatewayResources(settings);
    yield ingressResources(settings);
    for (let bits = 0; bits < 2 ** 7; bits++) {
      const has = (bit: number): boolean => (bits & (2 ** bit)) !== 0;
      const wish = {
        ...fn,
        ...(has(0) ? {} : { owner: undefined }),
        ...(has(1) ? {} : { egress: [] }),
        ...(has(2) ? {} : { secretsChangedAt: undefined }),
      };
      const made = revisions.map((item) => ({
        ...item,
        ...(has(3) ? {} : { gpu: undefined }),
        ...(has(4) ? {} : { gatewayToken: undefined }),
        ...(has(5) ? {} : { owner: undefined }),
        desired: {
          ...item.desired,
          ...(has(6) ? {} : { percent: 0, proven: false, environment: {}, secrets: {} }),
        },
      }));
      yield resources(wish, made, settings);
    }
  }
}

describe("the objects of a function", () => {
  it.each(Object.keys(SCENARIOS))("are those of golden/%s.json", (name) => {
    const made: unknown = JSON.parse(JSON.stringify(SCENARIOS[name]?.()));
    if (process.env["GOLDEN"] === "write") writeFileSync(file(name), JSON.stringify(made, null, 2));
    expect(made).toEqual(JSON.parse(readFileSync(file(name), "utf8")));
  });

  it("have no field that is in no golden file", () => {
    const golden = Object.keys(SCENARIOS).map(
      (name) => JSON.parse(readFileSync(file(name), "utf8")) as Applied[],
    );
    const known = new Set(golden.flatMap((applied) => [...fieldsOf(applied)]));
    const emitted = new Set([...everything()].flatMap((applied) => [...fieldsOf(applied)]));
    expect([...emitted].filter((field) => !known.has(field)).sort()).toEqual([]);
    expect(emitted.size).toBeGreaterThan(100);
  });
});
