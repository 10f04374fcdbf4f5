import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..");

/** Where `bench:setup` puts what it builds. */
export const PEERS_BUILT = join(ROOT, ".peers");
export const PEERS_SOURCE = join(ROOT, "peers");

export function goBinary(name: "hello" | "reverse-proxy" | "bare"): string {
  return join(PEERS_BUILT, name);
}

/** nginx as one worker that does nothing but forward with keep-alive. */
export function nginxConfig(port: number, upstreamPort: number, directory: string): string {
  return `
worker_processes 1;
daemon off;
pid ${directory}/nginx.pid;
error_log stderr error;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path ${directory}/body;
  proxy_temp_path ${directory}/proxy;
  fastcgi_temp_path ${directory}/fastcgi;
  uwsgi_temp_path ${directory}/uwsgi;
  scgi_temp_path ${directory}/scgi;
  keepalive_requests 100000000;
  upstream hello { server 127.0.0.1:${upstreamPort}; keepalive 256; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://hello;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
    }
  }
}
`;
}
