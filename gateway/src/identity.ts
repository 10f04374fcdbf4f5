/** For whom a call is made: what the token of an instance stands for. */
export interface InstanceIdentity {
  readonly org: string;
  readonly function: string;
  /** Revision name. */
  readonly revision: string;
  readonly instance: string;
}
