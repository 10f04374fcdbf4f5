/** What a look at a cluster found; `undefined` is "could not be asked". */
export interface ClusterFacts {
  /** As `GET /version` has it, for example `v1.35.4`; undefined where the API server does not answer. */
  readonly kubernetesVersion: string | undefined;
  /** Why it does not answer. */
  readonly unreachable?: string | undefined;
  /** Label `app.kubernetes.io/version` of the CRD `services.serving.knative.dev`. */
  readonly knativeVersion: string | undefined;
  /** Names of the CRDs that there are. */
  readonly crds: readonly string[];
  /** `data` of the config maps in Knative's namespace, by name. */
  readonly configMaps: Readonly<Record<string, Readonly<Record<string, string>> | undefined>>;
  readonly namespaces: readonly {
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
  }[];
  readonly runtimeClasses: readonly string[];
  readonly nodes: readonly NodeFacts[];
  /** Undefined where no registry is configured or nobody asked. */
  readonly registry?:
    | { readonly reachable: boolean; readonly mayPush: boolean; readonly message?: string | undefined }
    | undefined;
  /** Answers of SelfSubjectAccessReviews for `requiredAccess`. */
  readonly access: readonly (Access & { readonly allowed: boolean })[];
}

export interface NodeFacts {
  readonly name: string;
  readonly ready: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly { readonly key: string; readonly value?: string; readonly effect: string }[];
  /** `status.allocatable` */
  readonly allocatable: Readonly<Record<string, string>>;
}

/** One thing that the platform must be allowed to do. */
export interface Access {
  readonly group: string;
  readonly resource: string;
  readonly verb: string;
}

export interface Finding {
  /** Stable, for scripts: `knative.version`, `config.config-defaults.max-revision-timeout-seconds`. */
  readonly id: string;
  /** `error`: functions do not run. `warning`: some do not, or not as they should. `hint`: they could do better. */
  readonly severity: "error" | "warning" | "hint";
  readonly message: string;
  /** Mends it when pasted into a shell. */
  readonly command?: string | undefined;
}
