/** What a machine says about registries: certificates, proxies, settings of package managers. */
const SETTING =
  /^(?:https?_proxy|no_proxy|SSL_CERT_(?:FILE|DIR)|NODE_EXTRA_CA_CERTS|(?:PIP|npm_config|CARGO_(?:REGISTRY|REGISTRIES|SOURCE|HTTP|NET))_.*|GO(?:PROXY|NOPROXY|PRIVATE|SUMDB|NOSUMDB|INSECURE|AUTH))$/i;

/** The machine's settings for platforms that install packages; nothing else of the environment reaches one. */
export function registrySettings(): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined && SETTING.test(name)) found[name] = value;
  }
  return found;
}
