import { bytes, choice, duration, flag, integer } from "../document/leaves.ts";
import { later } from "./field.ts";
import { many, words } from "./leaves.ts";

/** Keys of the runtimes' images that this release does not read. */
export function LATER_RUNTIME(gpuImage?: string) {
  return {
    gpu_image: later(() => words(512), {
      fallback: gpuImage,
      printed: gpuImage === undefined ? [] : [gpuImage],
      description: "Base image for GPU functions.",
    }),
  };
}

/** Keys of triggers that this release does not serve. */
export const LATER_TRIGGERS = {
  cron: {
    store: later(() => choice(["database"]), {
      fallback: "database",
      printed: ["database"],
      description: "Where cron state is kept.",
    }),
  },
} as const;

/** Keys that HIP-60 or a later release of this platform gives a meaning. */
export const LATER = {
  gpu_pool: {
    enabled: later(flag, {
      fallback: false,
      printed: [true],
      env: ["GPU_POOL_ENABLED"],
      description: "Whether there is a pool of warm GPU slots.",
    }),
    size: later(() => integer(0, 10_000), { fallback: 4, printed: [4], description: "Warm GPU slots." }),
    gpu_type: later(() => words(128), {
      fallback: "nvidia.com/gpu",
      printed: ["nvidia.com/gpu", "nvidia-a10g"],
      description: "GPU resource or product of pool slots.",
    }),
    idle_timeout: later(() => duration(), {
      fallback: "600s",
      printed: ["600s"],
      description: "How long a slot serves one revision only.",
    }),
    max_model_cache: later(() => bytes(), {
      fallback: "50Gi",
      printed: ["50Gi", "8Gi"],
      description: "Model cache per node.",
    }),
    preload_models: later(() => many(() => words(200)), {
      fallback: [],
      printed: [
        ["bge-large-en-v1.5", "whisper-small"],
        ["bge-large-en-v1.5", "whisper-small", "distilbert-intent"],
      ],
      list: true,
      description: "Models loaded when the pool starts.",
    }),
  },
  snapshots: {
    enabled: later(flag, {
      fallback: false,
      printed: [true],
      description: "Whether cold starts restore checkpoints.",
    }),
    storage: later(() => words(1024), {
      fallback: "s3://hanzo-functions/snapshots/",
      printed: ["s3://hanzo-functions/snapshots/"],
      description: "Where checkpoints are stored.",
    }),
    max_age: later(() => duration(), {
      fallback: "7d",
      printed: ["7d"],
      description: "Oldest usable checkpoint.",
    }),
  },
  ingress: {
    enabled: later(flag, {
      fallback: false,
      description: "Whether the platform is published outside the cluster.",
    }),
  },
} as const;
