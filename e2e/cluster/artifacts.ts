import { join } from "node:path";
import { openLayout } from "@hanzo-fn/oci";
import { type Manifests, knativeManifests } from "./knative/manifests.ts";
import { type BuildOptions, type Built, buildModule, moduleFolders } from "./platform/build.ts";
import { type Image, programImage } from "./platform/images.ts";
import { fixturesModule, knativeModule, kubernetesModule } from "./platform/modules.ts";

/** Everything that is made once and kept between runs. */
export interface Artifacts {
  readonly fixtures: Built;
  readonly kubernetes: Built;
  readonly knative: Built;
  readonly manifests: Manifests;
  readonly images: {
    /** An OCI layout. */
    readonly folder: string;
    /** Sandbox of every pod. */
    readonly pause: Image;
    /** Knative's sidecar. */
    readonly queue: Image;
  };
}

const MODULES_WITH_MANIFESTS = ["knative.dev/serving", "knative.dev/networking", "knative.dev/caching"];

/** One module after the other: each uses all cores by itself. */
export async function makeArtifacts(options: BuildOptions): Promise<Artifacts> {
  const fixtures = await buildModule(fixturesModule, options);
  const kubernetes = await buildModule(kubernetesModule, options);
  const knative = await buildModule(knativeModule, options);
  const manifests = await knativeManifests(join(knative.folder, "manifests.json"), async () => {
    const [serving = "", networking = "", caching = ""] = await moduleFolders(
      knativeModule,
      MODULES_WITH_MANIFESTS,
      options,
    );
    return { serving, networking, caching };
  });
  const folder = join(options.cache, "images");
  const store = await openLayout(folder);
  const image = (name: string, file: string, path: string): Promise<Image> =>
    programImage(store, name, { file, path }, options.signal);
  const pause = await image("pause", fixtures.program("pause"), "/pause");
  const queue = await image("queue", knative.program("queue"), "/ko-app/queue");
  return { fixtures, kubernetes, knative, manifests, images: { folder, pause, queue } };
}
