import { Client } from "pg";

export const TEMPLATE_DATABASE = "hanzo_template";

/** A URL for a server on a Unix socket. */
export function databaseUrl(parts: {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}): string {
  const host = encodeURIComponent(parts.host);
  return `postgresql://${parts.user}:${encodeURIComponent(parts.password)}@${host}:${parts.port}/${parts.database}`;
}

export async function withClient<T>(url: string, use: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}
