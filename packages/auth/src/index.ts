export {
  createAuthenticator,
  type AuthDependencies,
  type AuthOptions,
  type RemoteIssuer,
} from "./authenticator.ts";
export {
  generateApiKey,
  hashApiKey,
  type IntrospectionConfig,
  type NewApiKey,
  type StoredApiKey,
} from "./api-keys.ts";
export { challenge } from "./challenge.ts";
export {
  createDevIssuer,
  createPlatformIssuer,
  DEV_ISSUER,
  PLATFORM_ISSUER,
  type DevIssuer,
  type IssueOptions,
  type PlatformIssuer,
} from "./issuers.ts";
export type { JwtRules } from "./jwt.ts";
export { isOrganisation } from "./organisation.ts";
export { DEFAULT_ROLE_GRANTS, expandPermission, requirePermission, type RoleGrants } from "./permissions.ts";
export type { KeyStorage } from "./signer.ts";
