/** What `hanzo-fn secrets` needs of a store of secrets that the platform itself keeps. */
export interface SecretAdmin {
  list(org: string): Promise<readonly { readonly name: string; readonly updatedAt: Date }[]>;
  set(org: string, name: string, value: string): Promise<void>;
  /** False where there was none. */
  unset(org: string, name: string): Promise<boolean>;
}
