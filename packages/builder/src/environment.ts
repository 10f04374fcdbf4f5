import { join } from "node:path";

/** Settings of the machine and of the registries; everything else of the platform's environment stays with it. */
const PASSED = new RegExp(
  [
    "PATH|LANG|LC_ALL|TZ",
    "https?_proxy|no_proxy|HTTPS?_PROXY|NO_PROXY",
    "SSL_CERT_FILE|SSL_CERT_DIR|NODE_EXTRA_CA_CERTS|REQUESTS_CA_BUNDLE",
    "PIP_[A-Z_]+|(?:npm_config|NPM_CONFIG)_[\\w/:.@-]+",
    "GOPROXY|GONOPROXY|GOPRIVATE|GOSUMDB|GONOSUMDB|GOINSECURE|GOAUTH",
    "CARGO_(?:REGISTRY|REGISTRIES|SOURCE|HTTP|NET)_[A-Z0-9_]+",
  ]
    .map((part) => `^(?:${part})$`)
    .join("|"),
);

/** Settings that point at the platform's own files, or that would undo what a build is told. */
const WITHHELD =
  /^(?:npm_config|NPM_CONFIG|PIP)_(?:cache(?:_dir)?|prefix|target|user|userconfig|globalconfig|init_module|local_prefix|script_shell)$/i;

/** The environment of a build's commands; home and temporary directory are the build's own. */
export function toolEnvironment(
  host: Readonly<Record<string, string | undefined>>,
  scratch: string,
): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(host)) {
    if (value !== undefined && PASSED.test(name) && !WITHHELD.test(name)) environment[name] = value;
  }
  return {
    ...environment,
    HOME: join(scratch, "home"),
    TMPDIR: join(scratch, "tmp"),
    npm_config_cache: join(scratch, "npm-cache"),
    PIP_NO_INPUT: "1",
    PIP_DISABLE_PIP_VERSION_CHECK: "1",
    PYTHONDONTWRITEBYTECODE: "1",
    NO_COLOR: "1",
  };
}
