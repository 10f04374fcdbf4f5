import type { ClusterFacts } from "./facts.ts";

type Form = "integer" | "number" | "duration" | "duration or disabled" | "integer or disabled";

/** As Go writes durations. */
const DURATION = /^[+-]?(0|((\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h))+)$/;
const isInteger = (text: string): boolean => /^[+-]?\d+$/.test(text);
const isNumber = (text: string): boolean => text !== "" && Number.isFinite(Number(text));

const FORMS: Readonly<Record<Form, { readonly fits: (text: string) => boolean; readonly wrong: string }>> = {
  integer: { fits: isInteger, wrong: "no integer" },
  number: { fits: isNumber, wrong: "no number" },
  duration: { fits: (text) => DURATION.test(text), wrong: "no duration" },
  "duration or disabled": {
    fits: (text) => text === "disabled" || DURATION.test(text),
    wrong: 'neither a duration nor "disabled"',
  },
  "integer or disabled": {
    fits: (text) => text === "disabled" || isInteger(text),
    wrong: 'neither an integer nor "disabled"',
  },
};

function all(form: Form, keys: readonly string[]): readonly (readonly [key: string, form: Form])[] {
  return keys.map((key) => [key, form]);
}

/** How Knative parses its keys (knative.dev/serving, the packages apis, autoscaler, deployment and gc, each in its config.go). */
const KEYS: Readonly<Record<string, ReadonlyMap<string, Form>>> = {
  "config-defaults": new Map(
    all("integer", [
      "revision-timeout-seconds",
      "max-revision-timeout-seconds",
      "revision-response-start-timeout-seconds",
      "revision-idle-timeout-seconds",
      "container-concurrency",
      "container-concurrency-max-limit",
    ]),
  ),
  "config-autoscaler": new Map([
    ...all("number", [
      "container-concurrency-target-default",
      "container-concurrency-target-percentage",
      "requests-per-second-target-default",
      "target-burst-capacity",
      "panic-window-percentage",
      "panic-threshold-percentage",
      "max-scale-up-rate",
      "max-scale-down-rate",
      "activator-capacity",
    ]),
    ...all("integer", ["initial-scale", "min-scale", "max-scale", "max-scale-limit"]),
    ...all("duration", [
      "stable-window",
      "scale-down-delay",
      "scale-to-zero-grace-period",
      "scale-to-zero-pod-retention-period",
    ]),
  ]),
  "config-deployment": new Map(all("duration", ["progress-deadline", "digest-resolution-timeout"])),
  "config-gc": new Map([
    ...all("integer", ["min-non-active-revisions"]),
    ...all("integer or disabled", ["max-non-active-revisions"]),
    ...all("duration or disabled", ["retain-since-create-time", "retain-since-last-active-time"]),
  ]),
};

export interface Garbled {
  readonly map: string;
  readonly key: string;
  readonly value: string;
  /** What it is instead of what it has to be. */
  readonly wrong: string;
}

/** Knative ignores a whole config map where one value does not parse, and keeps what it read before. */
export function garbled({ configMaps }: Pick<ClusterFacts, "configMaps">): Garbled[] {
  return Object.entries(configMaps).flatMap(([map, data]) =>
    Object.entries(data ?? {}).flatMap(([key, value]) => {
      const form = KEYS[map]?.get(key);
      if (form === undefined || FORMS[form].fits(value.trim())) return [];
      return [{ map, key, value, wrong: FORMS[form].wrong }];
    }),
  );
}
