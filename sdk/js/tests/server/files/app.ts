import { type Files, withFiles } from "../../../src/files/index.js";
import { type Client, type ClientOptions, createClient } from "../../../src/index.js";
import type { TestServer } from "../../support/server.js";

/** Pictures of their owners, who may show them to readers; and what everybody may see. */
export const FILES = `
[buckets.images]
maxSize = "60MB"
presets = { thumb = { width = 40, height = 40, fit = "cover", format = "png" } }
[buckets.images.rules]
read = "auth.id == doc.owner || auth.id in doc.data.readers"
create = "auth != null"
update = "auth.id == doc.owner"
delete = "auth.id == doc.owner"

[buckets.open]
public = true
presets = { thumb = { width = 40, format = "webp" } }
[buckets.open.rules]
list = "true"
create = "auth != null"
update = "auth.id == doc.owner"
delete = "auth.id == doc.owner"

[buckets.letters.rules]
create = "auth != null"

[auth.limits]
signUpsPerHour = 10000
triesOfNetwork = 10000
`;

export type ImageData = { album?: string; readers: string[] };
export type FilesClient = Client & { readonly files: Files };

const PASSWORD = "correct horse battery";

export async function signedUp(
  server: TestServer,
  email: string,
  options: Partial<ClientOptions> = {},
): Promise<FilesClient> {
  const client = withFiles(createClient({ url: server.url, ...options }));
  await client.auth.signUp({ email, password: PASSWORD });
  return client;
}

export const idOf = (client: FilesClient): string => client.auth.user?.id ?? "";
export const imagesOf = (client: FilesClient) => client.files.bucket<ImageData>("images");
