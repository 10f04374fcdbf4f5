import { BlockList, isIP } from "node:net";
import { PlatformError } from "@hanzo-fn/contract";
import type { TaskCallback } from "@hanzo-fn/store";

const MAX_URL = 2048;

/** Special-purpose addresses (IANA registries of RFC 6890) and multicast: none is somebody else's server. */
const PRIVATE: readonly (readonly [net: string, prefix: number])[] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
];
/** The only IPv6 addresses of the public Internet. */
const PUBLIC_V6 = ["2000::", 3] as const;
/** Within them: those that stand for an IPv4 address of anybody's choice, and documentation. */
const PRIVATE_V6: readonly (readonly [net: string, prefix: number])[] = [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
];

const privateV4 = new BlockList();
for (const [net, prefix] of PRIVATE) privateV4.addSubnet(net, prefix, "ipv4");
const publicV6 = new BlockList();
publicV6.addSubnet(...PUBLIC_V6, "ipv6");
const privateV6 = new BlockList();
for (const [net, prefix] of PRIVATE_V6) privateV6.addSubnet(net, prefix, "ipv6");

/** Whether the address is one of the public Internet: not private, loopback, link-local, shared or reserved. */
export function isPublicAddress(address: string): boolean {
  const bare = address.split("%", 1)[0] as string;
  switch (isIP(bare)) {
    case 4:
      return !privateV4.check(bare, "ipv4");
    case 6:
      // IPv4-mapped addresses (::ffff:0:0/96) are outside of 2000::/3 as well.
      return publicV6.check(bare, "ipv6") && !privateV6.check(bare, "ipv6");
    default:
      return false;
  }
}

function refused(message: string): PlatformError {
  return new PlatformError("bad_request", message, {
    component: "tasks",
    next: "give a URL of a server that the platform may reach, such as https://example.com/done",
  });
}

/** Without the brackets of an IPv6 address. */
export function bareHost({ hostname }: URL): string {
  return hostname.startsWith("[") ? hostname.slice(1, -1) : hostname;
}

/**
 * What can be said of a callback's URL before its name is resolved; where that leads is checked at every connection.
 * Throws `bad_request`.
 */
export function checkCallback(
  text: string,
  { allowPrivate }: { readonly allowPrivate: boolean },
): TaskCallback {
  const url = text.length > MAX_URL ? null : URL.parse(text);
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:")) {
    throw refused(`a callback is a URL of http or https with at most ${MAX_URL} characters`);
  }
  if (url.username !== "" || url.password !== "") throw refused("the URL of a callback holds no credentials");
  const host = bareHost(url);
  const isLocalName = host === "localhost" || host.endsWith(".localhost");
  if (!allowPrivate && (isLocalName || (isIP(host) !== 0 && !isPublicAddress(host)))) {
    throw refused("a callback may not go to a private, loopback or link-local address");
  }
  url.hash = "";
  const port = url.port === "" ? (url.protocol === "https:" ? 443 : 80) : url.port;
  return { url: url.href, host: `${url.hostname}:${port}` };
}
