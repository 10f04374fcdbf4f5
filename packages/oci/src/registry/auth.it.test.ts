import {
  makeCertificate,
  needsCertificate,
  needsServer,
  REGISTRY_LOGIN,
  startDockerRegistry,
  startFakeRegistry,
  startFakeTokenServer,
  tempDir,
} from "@hanzo-fn/testkit";
import { beforeEach, describe, expect, it } from "vitest";
import { clientOf, MEBIBYTE, testImage } from "../../test/registry-under-test.ts";
import { openLayout } from "../layout.ts";
import type { CredentialSource } from "./credentials.ts";
import { pullImage } from "./pull.ts";
import { pushImage } from "./push.ts";

const signal = AbortSignal.timeout(600_000);
const { username, password } = REGISTRY_LOGIN;
const login: CredentialSource = () => Promise.resolve({ kind: "password", username, password });

beforeEach((ctx) => needsServer(ctx, "docker-registry"));

describe("a registry with passwords", () => {
  it("takes the right one, and says whose credentials to check for a wrong one and for none", async () => {
    await using server = await startDockerRegistry({ basic: true });
    await using folder = await tempDir();
    const layout = await openLayout(folder.path);
    const image = await testImage(layout, "app", [1000], signal);
    const push = (credentials?: CredentialSource) => {
      const { registry } = clientOf(server, { credentials });
      return pushImage([layout], image, { registry, repository: "org/app", tags: ["v1"] }, signal);
    };
    const refused = {
      code: "registry_refused",
      next: expect.stringContaining(`docker login ${server.host}`),
    };
    await expect(push()).rejects.toMatchObject(refused);
    const wrong = () => Promise.resolve({ kind: "password", username, password: "no" } as const);
    await expect(push(wrong)).rejects.toMatchObject(refused);
    await expect(push(login)).resolves.toMatchObject({ sent: 2 });
    await expect(clientOf(server, { credentials: login }).registry.ping(signal)).resolves.toBeUndefined();
    await expect(clientOf(server).registry.ping(signal)).rejects.toMatchObject({ code: "registry_refused" });
  });

  it("whose password changes is asked with the new one at the next 401", async () => {
    await using server = await startDockerRegistry({ basic: true });
    let current = "an old one";
    const credentials: CredentialSource = () =>
      Promise.resolve({ kind: "password", username, password: current });
    const { registry } = clientOf(server, { credentials });
    await expect(registry.ping(signal)).rejects.toMatchObject({ code: "registry_refused" });
    current = password;
    await expect(registry.ping(signal)).resolves.toBeUndefined();
  });

  it("gets no credentials at the place to which it sends a read", async () => {
    await using server = await startDockerRegistry({ basic: true });
    await using storage = await startDockerRegistry();
    await using elsewhere = await startFakeRegistry(storage);
    await using fake = await startFakeRegistry(server);
    await using folder = await tempDir();
    const layout = await openLayout(`${folder.path}/from`);
    const image = await testImage(layout, "app", [1000], signal);
    for (const { host } of [server, storage]) {
      const { registry } = clientOf({ host }, { credentials: login });
      await pushImage([layout], image, { registry, repository: "org/app", tags: ["v1"] }, signal);
    }
    const { manifest } = (await layout.find("app"))!;
    const place = `/v2/org/app/blobs/${manifest.layers[0]!.digest}`;
    const headers = { location: `http://${elsewhere.host}${place}` };
    fake.inject({ method: "GET", path: new RegExp(place), fault: { kind: "answer", status: 307, headers } });
    const { registry } = clientOf(fake, { credentials: login });
    const target = await openLayout(`${folder.path}/to`);
    await pullImage(registry, "org/app", "v1", target, { architecture: "amd64" }, signal);
    expect(elsewhere.requests).toEqual([{ line: `GET ${place}`, authorization: undefined }]);
  });
});

describe("a registry with a token service", () => {
  beforeEach((ctx) => needsCertificate(ctx));

  async function openPlace() {
    const certificate = await makeCertificate();
    const tokens = await startFakeTokenServer({
      certificate,
      users: { [username]: password },
      refreshTokens: { "a-refresh-token": username },
    });
    const { realm, service, issuer } = tokens;
    const server = await startDockerRegistry({ token: { realm, service, issuer, certificate } });
    const fake = await startFakeRegistry(server);
    const folder = await tempDir();
    const layout = await openLayout(folder.path);
    return {
      ...{ server, fake, tokens, layout },
      async [Symbol.asyncDispose]() {
        for (const one of [fake, server, tokens, certificate, folder]) await one[Symbol.asyncDispose]();
      },
    };
  }

  it("gives one token per scope, which is used until it is old", async () => {
    await using place = await openPlace();
    const { server, tokens, layout } = place;
    const image = await testImage(layout, "app", [1000, 1000, 1000], signal);
    const { registry } = clientOf(server, { credentials: login });
    await pushImage([layout], image, { registry, repository: "org/app", tags: ["v1"] }, signal);
    expect(tokens.requests.map(({ scopes, user }) => [...scopes, user])).toEqual([
      ["repository:org/app:pull", username],
      ["repository:org/app:pull,push", username],
    ]);
    tokens.setLifetime(0);
    await registry.headManifest("org/other", "v1", signal);
    await registry.headManifest("org/other", "v1", signal);
    expect(tokens.requests).toHaveLength(4);
  });

  it("gives a token for both repositories of a mount", async () => {
    await using place = await openPlace();
    const { server, tokens, layout } = place;
    const base = await testImage(layout, "base", [5000], signal);
    const { registry } = clientOf(server, { credentials: login });
    await pushImage([layout], base, { registry, repository: "base/python", tags: ["v1"] }, signal);
    const image = await testImage(layout, "app", [1000], signal, base);
    const target = { registry, repository: "org/app", tags: ["v1"], mountFrom: ["base/python"] };
    await expect(pushImage([layout], image, target, signal)).resolves.toMatchObject({ mounted: 1, sent: 2 });
    const scopes = ["repository:org/app:pull,push", "repository:base/python:pull"];
    expect(tokens.requests.map((one) => one.scopes)).toContainEqual(scopes);
  });

  it("that is refused anew in the middle of an upload is asked for another token", async () => {
    await using place = await openPlace();
    const { fake, layout } = place;
    const image = await testImage(layout, "app", [3 * MEBIBYTE], signal);
    const challenge = `Bearer realm="${place.tokens.realm}",service="${place.tokens.service}"`;
    const fault = { kind: "answer", status: 401, headers: { "www-authenticate": challenge } } as const;
    fake.inject({ method: "PATCH", after: 1, times: 1, fault });
    const { registry } = clientOf(fake, { credentials: login, chunkBytes: MEBIBYTE });
    const target = { registry, repository: "org/app", tags: ["v1"] };
    await expect(pushImage([layout], image, target, signal)).resolves.toMatchObject({ sent: 2 });
  });

  it("lets nobody pull, and somebody unknown not push", async () => {
    await using place = await openPlace();
    const { server, layout } = place;
    const image = await testImage(layout, "app", [1000], signal);
    const { registry } = clientOf(server, { credentials: login });
    const target = { repository: "org/app", tags: ["v1"] };
    await pushImage([layout], image, { ...target, registry }, signal);
    const nobody = clientOf(server).registry;
    await expect(nobody.headManifest("org/app", "v1", signal)).resolves.toMatchObject({
      digest: image.digest,
    });
    const other = { ...target, registry: nobody, tags: ["v2"] };
    await expect(
      pushImage([layout], image, { ...other, repository: "org/own" }, signal),
    ).rejects.toMatchObject({
      code: "registry_refused",
    });
  });

  it("takes a refresh token, which is what docker login keeps for some registries", async () => {
    await using place = await openPlace();
    const { server, tokens, layout } = place;
    const image = await testImage(layout, "app", [1000], signal);
    const credentials: CredentialSource = () =>
      Promise.resolve({ kind: "identity", token: "a-refresh-token" });
    const { registry } = clientOf(server, { credentials });
    const target = { registry, repository: "org/app", tags: ["v1"] };
    await expect(pushImage([layout], image, target, signal)).resolves.toMatchObject({ sent: 2 });
    expect(tokens.requests[0]).toMatchObject({ method: "POST", user: username });
  });

  it("that fails once is asked again; that refuses is said to refuse, by its name", async () => {
    await using place = await openPlace();
    const { server, tokens } = place;
    const { registry } = clientOf(server, { credentials: login });
    tokens.failNext(503);
    await expect(registry.headManifest("org/app", "v1", signal)).resolves.toBeUndefined();
    tokens.failNext(401);
    await expect(registry.headManifest("org/next", "v1", signal)).rejects.toMatchObject({
      code: "registry_refused",
      message: expect.stringContaining(`get a token from ${new URL(tokens.realm).host}`),
    });
    await expect(registry.headManifest("org/app", "v1", signal)).resolves.toBeUndefined();
  });
});
