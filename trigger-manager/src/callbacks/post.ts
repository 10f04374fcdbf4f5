import { lookup as resolveName, type LookupAddress } from "node:dns";
import { type ClientRequest, request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { bareHost, isPublicAddress } from "./address.ts";

export interface PostOptions {
  /** Addresses of this machine and of closed networks are allowed, too. */
  readonly allowPrivate: boolean;
  readonly timeoutMs: number;
}

export interface Posted {
  readonly status: number;
}

/** The name of the host leads into the platform's own network. */
export class PrivateAddressError extends Error {
  override readonly name = "PrivateAddressError";
  constructor(host: string) {
    super(`${host} is at a private, loopback or link-local address`);
  }
}

/** The answer says all in its status; a server that sends more than this is cut off. */
const MAX_ANSWER_BYTES = 64 * 1024;

/** Resolves a name for the very connection that is made, so that no second answer of a name server counts. */
function publicLookup(resolve: typeof resolveName): LookupFunction {
  return (host, options, done) => {
    resolve(host, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return done(error, "", 0);
      const closed = addresses.some(({ address }) => !isPublicAddress(address));
      if (closed || addresses.length === 0) return done(new PrivateAddressError(host), "", 0);
      if (options.all === true) return done(null, addresses as LookupAddress[]);
      const [first] = addresses as [LookupAddress];
      return done(null, first.address, first.family);
    });
  };
}

/** Posts once; resolves with the status, whatever it is. Follows nothing; rejects with why there was no answer. */
export type Post = (
  url: string,
  headers: Readonly<Record<string, string>>,
  body: Buffer,
  signal: AbortSignal,
) => Promise<Posted>;

export function createPost(
  { allowPrivate, timeoutMs }: PostOptions,
  resolve: typeof resolveName = resolveName,
): Post {
  const lookup = allowPrivate ? undefined : publicLookup(resolve);
  return (text, headers, body, signal) =>
    new Promise((done, fail) => {
      const url = new URL(text);
      const host = bareHost(url);
      if (!allowPrivate && isIP(host) !== 0 && !isPublicAddress(host)) {
        return fail(new PrivateAddressError(host));
      }
      const send = url.protocol === "https:" ? httpsRequest : httpRequest;
      const either = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
      const request: ClientRequest = send(url, {
        method: "POST",
        headers: { ...headers, "content-length": body.length },
        signal: either,
        agent: false,
        ...(lookup === undefined ? {} : { lookup }),
      });
      request.once("error", (error) => {
        const isLate = either.aborted && !signal.aborted;
        fail(isLate ? new Error(`no answer within ${timeoutMs / 1000} s`) : error);
      });
      request.once("response", (response) => {
        let bytes = 0;
        response.on("data", (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > MAX_ANSWER_BYTES) response.destroy();
        });
        // However it goes on: the status was said.
        response.once("close", () => done({ status: response.statusCode ?? 0 }));
        response.on("error", () => {});
      });
      request.end(body);
    });
}
