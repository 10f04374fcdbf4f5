import type { Gpu, Secret } from "@hanzo-fn/contract";
import type { DesiredRevision, Scaling } from "../engine.ts";
import type { Owner } from "./kube.ts";

/** What the cluster is to hold of one function, apart from its revisions. */
export interface FunctionWish {
  readonly org: string;
  readonly function: string;
  readonly scaling: Scaling;
  /** External origins that it may call (`network.egress`). */
  readonly egress: readonly string[];
  /** Values of every secret that a revision names, by their names in the secret store. */
  readonly secrets: ReadonlyMap<string, Secret>;
  /** RFC 3339, from `rotation`: when those values last changed. */
  readonly secretsChangedAt?: string | undefined;
  /** The Knative Service once it exists. What the function owns is applied before it, and again with its owner. */
  readonly owner?: Owner | undefined;
}

/** A revision with what the engine made for it. */
export interface RevisionWish {
  readonly desired: DesiredRevision;
  /** `registry/repository@sha256:...`; tags are refused, since Knative would resolve them by itself. */
  readonly image: string;
  readonly version: string;
  readonly gpu?: Gpu | undefined;
  /** Lets its instances use the platform's gateway; good until the revision is deleted. */
  readonly gatewayToken?: Secret | undefined;
  /** The Revision once it exists: the token's Secret goes with it. */
  readonly owner?: Owner | undefined;
}
