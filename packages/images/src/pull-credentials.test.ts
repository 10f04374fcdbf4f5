import { expect, test } from "vitest";
import { pullCredentials } from "./pull-credentials.ts";

test.each([
  [{ kind: "password", username: "u", password: "p:q" } as const, { auth: "dTpwOnE=" }],
  [{ kind: "identity", token: "i" } as const, { identitytoken: "i" }],
  [{ kind: "bearer", token: "b" } as const, { registrytoken: "b" }],
])("the kubelet gets the credentials of the registry alone (%#)", (credentials, entry) => {
  const secret = pullCredentials("r.example:5000", credentials);
  expect(JSON.parse(secret!.reveal())).toEqual({ auths: { "r.example:5000": entry } });
});

test("a registry without credentials needs no secret", () => {
  expect(pullCredentials("r.example", undefined)).toBeUndefined();
});
