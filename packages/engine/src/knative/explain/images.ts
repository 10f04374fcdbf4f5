import type { Verdict } from "./verdict.ts";

const PULL_REASONS = new Set([
  "ErrImagePull",
  "ImagePullBackOff",
  "InvalidImageName",
  "ImageInspectError",
  "ErrImageNeverPull",
  "RegistryUnavailable",
  "SignatureValidationFailed",
]);

export function isPullReason(reason: string | undefined): boolean {
  return reason !== undefined && PULL_REASONS.has(reason);
}

interface PullCause {
  readonly pattern: RegExp;
  readonly words: string;
  readonly next: string;
  /** The registry has answered, and it will answer the same again. */
  readonly final: boolean;
}

/** What containerd and the registries behind it say; the first that matches. */
const CAUSES: readonly PullCause[] = [
  {
    pattern: /unauthorized|authorization failed|denied|forbidden|no basic auth|\b40[13]\b/i,
    words: "the registry refuses the cluster's credentials",
    next: "hanzo-fn cluster check",
    final: true,
  },
  {
    pattern: /digest|checksum|content descriptor|unexpected commit|size mismatch|unexpected EOF/i,
    words: "the image in the registry is damaged: its bytes are not those of its digest",
    next: "deploy again, so that the image is pushed anew",
    final: true,
  },
  {
    pattern: /not found|manifest unknown|name unknown|no such image|does not exist|\b404\b/i,
    words: "the registry does not have the image",
    next: "deploy again, so that the image is pushed anew",
    final: true,
  },
  {
    pattern:
      /no such host|dial tcp|connection refused|i\/o timeout|timeout|tls:|x509|certificate|unreachable|EOF|\b50[0234]\b/i,
    words: "the registry cannot be reached from the cluster's nodes",
    next: "hanzo-fn cluster check",
    final: false,
  },
];

/** The image's reference contains the word digest itself; it is no cause. */
function withoutReferences(message: string): string {
  return message.replaceAll(/"?[^\s"]+@sha256:[0-9a-f]{64}"?/g, "the image");
}

/** `backedOff`: the kubelet has tried, and tries again later. */
export function pullVerdict(reason: string | undefined, message: string, backedOff: boolean): Verdict {
  const text = withoutReferences(message);
  // A missing manifest is named by its digest: that it is missing comes first.
  const ordered = /not found|unknown/i.test(text) ? CAUSES.toSorted(byMissing) : CAUSES;
  const cause = ordered.find(({ pattern }) => pattern.test(text));
  const detail = text.trim() === "" ? (reason ?? "") : text.trim();
  if (cause === undefined) {
    const next = "hanzo-fn cluster check";
    return {
      code: "image_pull_failed",
      message: `the image cannot be pulled: ${detail}`,
      next,
      final: false,
    };
  }
  const { words, next, final } = cause;
  return { code: "image_pull_failed", message: `${words}: ${detail}`, next, final: final && backedOff };
}

function byMissing(a: PullCause, b: PullCause): number {
  const rank = ({ words }: PullCause): number => (words.includes("does not have") ? 0 : 1);
  return rank(a) - rank(b);
}
