import { Readable } from "node:stream";
import { createGzip } from "node:zlib";
import { pack } from "tar-stream";

/** A tar.gz of these files. */
export async function tarGz(files: Readonly<Record<string, string | Uint8Array>>): Promise<Buffer> {
  const tar = pack();
  for (const [name, content] of Object.entries(files)) tar.entry({ name, mode: 0o644 }, Buffer.from(content));
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar.pipe(createGzip()) as Readable) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** The multipart body of a deploy. */
export async function uploadForm(
  manifest: string,
  files: Readonly<Record<string, string | Uint8Array>> | Uint8Array,
): Promise<FormData> {
  const form = new FormData();
  form.set("manifest", manifest);
  const archive = files instanceof Uint8Array ? files : await tarGz(files);
  form.set("source", new Blob([Uint8Array.from(archive)]), "source.tar.gz");
  return form;
}
