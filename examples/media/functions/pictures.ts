import { type Event, type FileFields, onFile } from "basalt:functions";
import { nameOf } from "./lib/colour.ts";

const IS_NEW = { on: ["create" as const] };
const SIZE = 320;

/** What each of the three keeps under the file's id, so that an event that comes twice changes nothing. */
function kept({ doc }: Event<FileFields>) {
  return { picture: doc.id, owner: doc.owner };
}

/** A small square picture in another bucket, and a record of it. */
export const thumbnail = onFile("pictures", IS_NEW, async (event, ctx) => {
  const { files, db } = ctx.asService();
  const { id, path, owner } = event.doc;
  const image = { width: SIZE, height: SIZE, fit: "cover", format: "webp" } as const;
  const bytes = await files.bucket("pictures").read(path, { image });
  const made = await files
    .bucket("thumbnails")
    .write(`${id}.webp`, bytes, { contentType: "image/webp", data: { owner, picture: id } });
  const variant = { ...kept(event), kind: "thumbnail", path: made.path, width: SIZE, height: SIZE, size: made.size };
  await db.collection("variants").put(`${id}-thumbnail`, variant);
});

/** Size, shape and colour. The server has looked at the picture already: nothing is decoded here. */
export const describe = onFile("pictures", IS_NEW, async (event, ctx) => {
  const { image, size, contentType } = event.doc;
  if (image === undefined) {
    ctx.log.warn("nothing is known of this picture", { path: event.doc.path });
    return;
  }
  const { width, height, blurhash, color: colour } = image;
  const shape = width === height ? "square" : width > height ? "landscape" : "portrait";
  const facts = { width, height, shape, blurhash, colour, colourName: nameOf(colour), size, contentType };
  await ctx
    .asService()
    .db.collection("metadata")
    .put(event.doc.id, { ...kept(event), ...facts });
});

/** What the gallery lists and searches. */
export const index = onFile("pictures", IS_NEW, async (event, ctx) => {
  const { id, path, createdAt, data } = event.doc;
  const name = path.split("/").at(-1) ?? path;
  const title = typeof data?.title === "string" ? data.title : name.replace(/\.\w+$/, "");
  const words = title
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter(Boolean)
    .join(" ");
  await ctx
    .asService()
    .db.collection("gallery")
    .put(id, { ...kept(event), title, words, uploadedAt: createdAt });
});

/** The records go with the file by their references; the thumbnail's bytes go here. */
export const forget = onFile("pictures", { on: ["delete"] }, async (event, ctx) => {
  const thumbnails = ctx.asService().files.bucket("thumbnails");
  if ((await thumbnails.metadata(`${event.doc.id}.webp`)) !== null) await thumbnails.delete(`${event.doc.id}.webp`);
});
