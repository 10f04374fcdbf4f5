import { describe, expect, it } from "vitest";
import { refusedRequest } from "./admission.ts";

describe("a refused request", () => {
  const about = { function: "embed", revision: "embed-00003", kind: "Service" };
  const webhook = `admission webhook "validation.webhook.serving.knative.dev" denied the request: validation failed: expected 0 <= 1200 <= 600: spec.template.spec.timeoutSeconds`;

  it.each([
    [{ code: 400, message: webhook }, "object_rejected", webhook],
    [
      { code: 422, message: "Service is invalid: spec: Invalid value" },
      "object_rejected",
      "spec: Invalid value",
    ],
    [
      {
        code: 409,
        message: `Apply failed with 1 conflict: conflict with "kubectl-edit" using serving.knative.dev/v1: .spec.traffic`,
      },
      "conflict",
      "kubectl-edit",
    ],
    [
      { code: 403, message: `secrets "fn-embed" is forbidden: User "x" cannot patch resource "secrets"` },
      "unavailable",
      "the platform may not write",
    ],
    [
      {
        code: 403,
        message: `pods "x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=5, limited: pods=5`,
      },
      "quota_exceeded",
      "budget q is used up",
    ],
    [
      {
        code: 403,
        message: `dry run failed with pods "x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=5, limited: pods=5: spec.template`,
      },
      "quota_exceeded",
      "pods=5 of pods=5 are in use",
    ],
    [{ code: 503, reason: "ServiceUnavailable" }, "unavailable", "ServiceUnavailable"],
    [{ code: 500 }, "unavailable", "HTTP 500"],
  ])("%j is told as %s", (status, code, words) => {
    const error = refusedRequest(status, about);
    expect(error).toMatchObject({ code, component: "engine/knative", function: "embed" });
    expect(error.message).toContain(words);
    expect(error.next).toBeDefined();
  });
});
