import { expect, it } from "vitest";
import { connectionError, statusError, statusOf } from "./errors.ts";

const target = { verb: "apply", what: "Service acme/hello" };

it("a conflict of managers names them and their fields", () => {
  const causes = [
    {
      reason: "FieldManagerConflict",
      message: 'conflict with "kubectl-edit" using serving.knative.dev/v1',
      field: ".spec.traffic",
    },
    {
      reason: "FieldManagerConflict",
      message: 'conflict with "kubectl-edit" using serving.knative.dev/v1',
      field: ".metadata.labels.a",
    },
    { reason: "FieldManagerConflict", message: 'conflict with "helm" using v1', field: ".spec.template" },
  ];
  const error = statusError(target, {
    code: 409,
    reason: "Conflict",
    message: "Apply failed with 3 conflicts: …",
    details: { causes },
  });
  expect(error).toMatchObject({ code: "field_conflict", component: "kubernetes" });
  expect(error.message).toBe(
    'apply Service acme/hello: "kubectl-edit" owns .spec.traffic, .metadata.labels.a; "helm" owns .spec.template',
  );
  expect(error.details?.map(({ path }) => path)).toEqual([
    ".spec.traffic",
    ".metadata.labels.a",
    ".spec.template",
  ]);
});

it("any other 409 is an object that changed meanwhile", () => {
  const error = statusError(target, {
    code: 409,
    reason: "AlreadyExists",
    message: 'services "hello" already exists',
  });
  expect(error).toMatchObject({ code: "object_conflict", retryable: true });
  expect(statusOf(error)?.reason).toBe("AlreadyExists");
});

it("a refusal by RBAC says which verb on what is missing, to whom, and how to check", () => {
  const message =
    'services.serving.knative.dev "hello" is forbidden: User "system:serviceaccount:hanzo:platform" cannot patch resource "services" in API group "serving.knative.dev" in the namespace "acme"';
  const error = statusError(target, { code: 403, reason: "Forbidden", message });
  expect(error.code).toBe("cluster_refused");
  expect(error.message).toBe(
    'apply Service acme/hello: "system:serviceaccount:hanzo:platform" lacks the verb "patch" on resource "services.serving.knative.dev" in namespace "acme"',
  );
  expect(error.next).toContain(
    "kubectl auth can-i patch services.serving.knative.dev --as=system:serviceaccount:hanzo:platform -n acme",
  );
});

it("a refusal at the cluster's scope, or of a path, says that", () => {
  const message = (what: string) => `is forbidden: User "u" cannot ${what}`;
  const list = statusError(target, {
    code: 403,
    message: message('list resource "pods" in API group "" at the cluster scope'),
  });
  expect(list.message).toMatch(/lacks the verb "list" on resource "pods" in all namespaces$/);
  const path = statusError(target, { code: 403, message: message('get path "/metrics"') });
  expect(path.message).toMatch(/lacks the verb "get" on path "\/metrics"$/);
});

it.each([
  [
    400,
    'admission webhook "validation.webhook.serving.knative.dev" denied the request: validation failed: expected 0 <= 7000 <= 1000: spec.template.spec.containerConcurrency',
  ],
  [403, 'pods "x" is forbidden: exceeded quota: small, requested: cpu=1, used: cpu=1, limited: cpu=1'],
  [403, 'pods "x" is forbidden: violates PodSecurity "restricted:latest": privileged'],
  [422, 'Service "hello" is invalid: spec.template: Required value'],
  [400, "unknown field spec.templat"],
])("what a webhook, a quota or the validation says with %i is shown word for word", (code, message) => {
  const error = statusError(target, { code, message });
  expect(error.code).toBe("object_rejected");
  expect(error.message).toBe(`apply Service acme/hello: ${message}`);
});

it.each([
  [401, "cluster_refused", false],
  [404, "object_not_found", false],
  [410, "resource_expired", true],
  [429, "cluster_unavailable", true],
  [500, "cluster_unavailable", true],
  [503, "cluster_unavailable", true],
] as const)("%i is %s", (status, code, retryable) => {
  expect(statusError(target, { code: status, message: "no" })).toMatchObject({ code, retryable });
});

it("a certificate that is not trusted is not a server that is away", () => {
  const untrusted = Object.assign(new Error("self-signed certificate in certificate chain"), {
    code: "SELF_SIGNED_CERT_IN_CHAIN",
  });
  expect(connectionError(target, "the test's own", untrusted).code).toBe("cluster_refused");
  const away = Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:6443"), { code: "ECONNREFUSED" });
  expect(connectionError(target, "the test's own", away)).toMatchObject({
    code: "cluster_unavailable",
    message: "apply Service acme/hello: the API server does not answer: connect ECONNREFUSED 127.0.0.1:6443",
  });
});
