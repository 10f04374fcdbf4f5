import { describe, expect, it } from "vitest";
import { readNodeManifest } from "./package-json.ts";

const read = (packageJson: object, lock?: object, npmrc?: string) =>
  readNodeManifest({
    packageJson: JSON.stringify(packageJson),
    lock: lock === undefined ? undefined : JSON.stringify(lock),
    npmrc,
  });

describe("readNodeManifest", () => {
  it("is empty where the SDK is the only dependency, lock or not", () => {
    const manifest = { dependencies: { "@hanzo/functions": "^1" }, devDependencies: { typescript: "5" } };
    expect(read(manifest)).toMatchObject({ empty: true, problems: [] });
    expect(read(manifest, { packages: {} })).toMatchObject({ empty: true, lock: undefined });
  });
  it("strips the SDK from manifest and lock", () => {
    const dependencies = { "@hanzo/functions": "1.0.0", ms: "2.1.3" };
    const { packageJson, lock } = read(
      { dependencies },
      {
        lockfileVersion: 3,
        packages: { "": { dependencies }, "node_modules/@hanzo/functions": {}, "node_modules/ms": {} },
      },
    );
    expect(packageJson + lock).not.toContain("@hanzo/functions");
    expect(Object.keys(JSON.parse(lock ?? "").packages)).toEqual(["", "node_modules/ms"]);
  });
  it("hides scripts and everything else from npm", () => {
    const { packageJson } = read({
      scripts: { postinstall: "evil" },
      workspaces: ["x"],
      dependencies: { ms: "2" },
    });
    expect(Object.keys(JSON.parse(packageJson)).sort()).toEqual([
      "dependencies",
      "name",
      "optionalDependencies",
      "private",
      "version",
    ]);
  });
  it.each(["file:../x", "link:../x", "workspace:*", "../x", "/etc"])(
    "refuses the local dependency %s",
    (version) => {
      expect(read({ dependencies: { x: version } }).problems).toMatchObject([
        { path: "package.json: dependencies.x" },
      ]);
    },
  );
  it("refuses local packages in the lock", () => {
    const { problems } = read(
      { dependencies: { x: "1" } },
      { packages: { "node_modules/x": { resolved: "file:../../etc", link: true } } },
    );
    expect(problems).toMatchObject([{ path: "package-lock.json: node_modules/x" }]);
  });
  it("reports JSON that does not parse", () => {
    expect(readNodeManifest({ packageJson: "{", lock: undefined, npmrc: undefined }).problems).toMatchObject([
      { path: "package.json" },
    ]);
  });
  it("takes registries and tokens of .npmrc, and no setting that runs something", () => {
    const npmrc =
      "registry=https://r/\n@a:registry=https://a/\n//a/:_authToken=t\ngit=./evil\nscript-shell=./evil\n";
    expect(read({ dependencies: { x: "1" } }, undefined, npmrc).npmrc).toBe(
      "registry=https://r/\n@a:registry=https://a/\n//a/:_authToken=t\n",
    );
  });
});
