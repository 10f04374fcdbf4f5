import { PlatformError } from "@hanzo-fn/contract";

/** Docker's own registry answers under another name than images are called by. */
const DOCKER_HUB = "docker.io";
const DOCKER_HUB_API = "registry-1.docker.io";

/** Hosts that are reached without TLS, as containerd and go-containerregistry hold it: this machine and `*.local`. */
export function isPlainHost(host: string): boolean {
  const name = host.replace(/:\d+$/, "").toLowerCase();
  return (
    name === "localhost" ||
    name.endsWith(".localhost") ||
    name.endsWith(".local") ||
    name === "[::1]" ||
    /^127(?:\.\d{1,3}){3}$/.test(name)
  );
}

/** Where the API of a registry is, without the path. */
export function registryUrl(host: string, insecure: boolean): URL {
  const scheme = insecure || isPlainHost(host) ? "http" : "https";
  return new URL(`${scheme}://${host === DOCKER_HUB ? DOCKER_HUB_API : host}/`);
}

/**
 * A URL that the registry answered with (the place of an upload, of a blob, of its token service). Throws
 * `registry_refused` where it leads from TLS to a connection without.
 */
export function answeredUrl(location: string, base: URL): URL {
  const url = URL.canParse(location, base.href) ? new URL(location, base) : undefined;
  if (url === undefined || (url.protocol !== "https:" && url.protocol !== "http:"))
    throw refused(base.host, "answers with an address that is no URL");
  if (url.protocol === "http:" && base.protocol === "https:")
    throw refused(base.host, `leads to ${url.host} without TLS`);
  return url;
}

function refused(host: string, what: string): PlatformError {
  return new PlatformError("registry_refused", `the registry ${host} ${what}`, {
    component: "oci",
    next: "Have the registry, or the proxy in front of it, tell its own address (X-Forwarded-Proto, or its setting for the host)",
  });
}
