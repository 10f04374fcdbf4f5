import { describe, expect, it } from "vitest";
import { toolEnvironment } from "./environment.ts";
import { installFailure } from "./failures.ts";

describe("installFailure", () => {
  it.each([
    "WARNING: Retrying after connection broken by 'NewConnectionError(...)'",
    "npm error code ECONNREFUSED",
    "npm error code ENOTFOUND",
    "npm error code E503",
  ])("takes %j for an unreachable registry", (output) => {
    expect(installFailure("npm", output)).toMatchObject({ code: "registry_unreachable", retryable: true });
  });
  it("takes anything else for a mistake in the source, and shows the last lines without credentials", () => {
    const lines = Array.from({ length: 100 }, (_, index) => `line ${index}`);
    const error = installFailure("pip", [...lines, "ERROR: https://user:pw@host/x"].join("\n"));
    expect(error.code).toBe("build_failed");
    expect(error.details).toHaveLength(20);
    expect(error.details?.at(-1)?.rule).toBe("ERROR: https://***@host/x");
  });
});

describe("toolEnvironment", () => {
  it("passes registry, proxy and certificate settings, and nothing of the platform's own", () => {
    const host = {
      PATH: "/bin",
      DATABASE_URL: "postgres://secret",
      KMS_CLIENT_SECRET: "x",
      HOME: "/home/platform",
      PIP_INDEX_URL: "https://r/simple",
      PIP_TARGET: "/usr",
      npm_config_registry: "https://r/",
      "npm_config_//r/:_authToken": "t",
      npm_config_cache: "/home/platform/.npm",
      npm_config_userconfig: "/home/platform/.npmrc",
      https_proxy: "http://p",
      NODE_OPTIONS: "--require ./evil",
    };
    const environment = toolEnvironment(host, "/s");
    expect(
      Object.keys(environment)
        .filter((name) => name in host)
        .sort(),
    ).toEqual([
      "HOME",
      "PATH",
      "PIP_INDEX_URL",
      "https_proxy",
      "npm_config_//r/:_authToken",
      "npm_config_cache",
      "npm_config_registry",
    ]);
    expect(environment).toMatchObject({ HOME: "/s/home", npm_config_cache: "/s/npm-cache" });
  });
});
