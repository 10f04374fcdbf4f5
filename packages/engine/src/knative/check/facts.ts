/** What a cluster is asked for besides its version. */
export type Part = "crds" | "configmaps" | "namespaces" | "runtimeclasses" | "nodes" | "access";

/** What a look at a cluster found. */
export interface ClusterFacts {
  /** As `GET /version` has it, for example `v1.35.4`. */
  readonly kubernetesVersion: string;
  /** The account that asked, where the API server said so. */
  readonly user?: string | undefined;
  /** Label `app.kubernetes.io/version` of the CRD `services.serving.knative.dev`, or of Knative's config maps. */
  readonly knativeVersion: string | undefined;
  /** Names of the CRDs that there are, of those that the platform has to do with. */
  readonly crds: readonly string[];
  /** Parts that were not to be had: their facts are empty, and mean nothing. */
  readonly unread?: Readonly<Partial<Record<Part, Unread>>> | undefined;
  /** `data` of the config maps in Knative's namespace, by name. */
  readonly configMaps: Readonly<Record<string, Readonly<Record<string, string>> | undefined>>;
  readonly namespaces: readonly {
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
  }[];
  readonly runtimeClasses: readonly string[];
  readonly nodes: readonly NodeFacts[];
  /** Undefined where no registry is configured or nobody asked. */
  readonly registry?: RegistryFact | undefined;
  /** The gateway's endpoints (`knative.platform_addresses`), from where the check runs. */
  readonly gateway?: readonly GatewayFact[] | undefined;
  /** Answers of SelfSubjectAccessReviews for `requiredAccess`. */
  readonly access: readonly (Access & { readonly allowed: boolean })[];
}

export interface Unread {
  readonly reason: string;
  /** A right is missing, and not an answer. */
  readonly forbidden: boolean;
}

export interface RegistryFact {
  readonly reachable: boolean;
  /** It takes the credentials. */
  readonly mayPush: boolean;
  readonly message?: string | undefined;
  /** Where it was asked, if not under its own name by TLS. */
  readonly url?: string | undefined;
}

export interface GatewayFact {
  readonly address: string;
  /** `refused`: the machine is there, and nothing listens. `silent`: no answer in time, or no way there. */
  readonly state: "open" | "refused" | "silent";
  readonly message?: string | undefined;
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
