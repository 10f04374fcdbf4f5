import { PlatformError, type Secret } from "@hanzo-fn/contract";
import type { DesiredFunction, DesiredRevision } from "../../engine.ts";
import { CONTAINER } from "../container.ts";
import { revisionsToRemove } from "../garbage.ts";
import type { RevisionObject } from "./kinds.ts";
import { SERVING, type Owner } from "../kube.ts";
import { SOURCE_ANNOTATION, VERSION_ANNOTATION } from "../labels.ts";
import type { LiveCluster } from "./observe.ts";
import type { KnativeSettings } from "../settings.ts";
import type { FunctionWish, RevisionWish } from "../wish.ts";

/** Revisions of the wish that the cluster is to hold; the others can be made again once they have traffic. */
export function keptRevisions(
  { revisions }: DesiredFunction,
  retention: KnativeSettings["retention"],
  nowMs: number,
): DesiredRevision[] {
  const known = revisions.flatMap(({ ref, percent, createdAtMs, lastTrafficAtMs }) =>
    createdAtMs === undefined ? [] : [{ number: ref.number, percent, createdAtMs, lastTrafficAtMs }],
  );
  const leaving = new Set(revisionsToRemove(known, retention, nowMs));
  return revisions.filter(({ ref, proven }) => proven !== true || !leaving.has(ref.number));
}

/** The image that a live Revision runs. */
export function imageOf(revision: RevisionObject | undefined): string | undefined {
  return revision?.spec?.containers?.find(({ name }) => name === CONTAINER)?.image;
}

/** The cluster has a revision of this name from other source: the function was deleted and made anew meanwhile. */
export function isAnother({ revisions }: DesiredFunction, live: LiveCluster): boolean {
  return live.revisions.some(({ metadata }) => {
    const source = metadata.annotations?.[SOURCE_ANNOTATION];
    const wanted = revisions.find(({ ref }) => ref.name === metadata.name);
    return source !== undefined && wanted !== undefined && wanted.sourceDigest !== source;
  });
}

function ownerOf(
  kind: string,
  live: { readonly metadata: { readonly name: string; readonly uid?: string } } | undefined,
): Owner | undefined {
  const uid = live?.metadata.uid;
  return live === undefined || uid === undefined
    ? undefined
    : { apiVersion: SERVING, kind, name: live.metadata.name, uid };
}

export interface Ingredients {
  readonly desired: DesiredFunction;
  /** Those of `desired` that the cluster is to hold. */
  readonly kept: readonly DesiredRevision[];
  readonly live: LiveCluster;
  /** By names in the secret store; the absent ones do not exist. */
  readonly secrets: ReadonlyMap<string, Secret>;
  /** By revision name: from live Revisions, and from what was published. */
  readonly images: ReadonlyMap<string, string>;
  readonly tokens: ReadonlyMap<string, Secret>;
}

export interface Gathered {
  readonly fn: FunctionWish;
  /** Those whose template can be written. */
  readonly revisions: readonly RevisionWish[];
  /** By revision name: which cannot be made, and why. */
  readonly held: ReadonlyMap<string, PlatformError>;
  /** Have to be published first. */
  readonly unpublished: readonly DesiredRevision[];
}

function missingSecret({ ref }: DesiredRevision, name: string): PlatformError {
  return new PlatformError("missing_secret", `the secret ${name} does not exist`, {
    component: "engine/knative",
    function: ref.function,
    revision: ref.name,
    next: `hanzo-fn secrets set ${name}`,
  });
}

/**
 * What `plan` takes. A revision that exists needs no secret to be planned for: without it its new pods do not start, which
 * `explain` tells. One that is still to be made would be made without a variable that it names, and is held back.
 */
export function gather({ desired, kept, live, secrets, images, tokens }: Ingredients): Gathered {
  const held = new Map<string, PlatformError>();
  const unpublished: DesiredRevision[] = [];
  const revisions = kept.flatMap((revision): RevisionWish[] => {
    const { name } = revision.ref;
    const existing = live.revisions.find(({ metadata }) => metadata.name === name);
    const entries = Object.entries(revision.secrets);
    const lacking = entries.find(([, secret]) => !secrets.has(secret))?.[1];
    const image = images.get(name);
    if (lacking !== undefined && existing === undefined) held.set(name, missingSecret(revision, lacking));
    else if (image === undefined) unpublished.push(revision);
    if (image === undefined || held.has(name)) return [];
    const present = Object.fromEntries(entries.filter(([, secret]) => secrets.has(secret)));
    return [
      {
        desired: { ...revision, secrets: present },
        image,
        version: revision.version ?? existing?.metadata.annotations?.[VERSION_ANNOTATION] ?? "0.0.0",
        gpu: revision.gpu,
        gatewayToken: tokens.get(name),
        owner: ownerOf("Revision", existing),
      },
    ];
  });
  const { org, function: name, scaling, egress = [] } = desired;
  const owner = ownerOf("Service", live.service);
  return { fn: { org, function: name, scaling, egress, secrets, owner }, revisions, held, unpublished };
}

/** Traffic is never planned without a revision that has some: its share would go to another. */
export function canPlan({ revisions }: Gathered, kept: readonly DesiredRevision[]): boolean {
  const ready = new Set(revisions.map(({ desired }) => desired.ref.name));
  return ready.size > 0 && kept.every(({ ref, percent }) => percent === 0 || ready.has(ref.name));
}
