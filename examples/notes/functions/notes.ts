import { callable, FunctionError, onDocument } from "basalt:functions";

const WORDS = /[\p{L}\p{N}]+(?:['’-][\p{L}\p{N}]+)*/gu;

interface Item {
  text: string;
}

/**
 * Keeps how long a note is, in a document of its own: a write to the note itself would be one more change that devices
 * without a network have to be merged with.
 */
export const countWords = onDocument(
  "notes",
  { on: ["create", "update"], when: "op == 'create' || has(before.title) || has(before.body) || has(before.items)" },
  async ({ doc, seq }, ctx) => {
    const items = Object.values((doc.items ?? {}) as Record<string, Item>).map(({ text }) => text);
    const words = [doc.title, doc.body, ...items].join(" ").match(WORDS)?.length ?? 0;
    await ctx.asService().db.collection("wordCounts").put(doc.id, { note: doc.id, words, seq });
  },
);

interface Share {
  note: string;
  email: string;
}

/** Sends a note by e-mail. It is read with the caller's rights: nobody shares what he can't see. */
export const share = callable(
  {
    input: {
      type: "object",
      required: ["note", "email"],
      properties: { note: { type: "string" }, email: { type: "string", format: "email", maxLength: 200 } },
      additionalProperties: false,
    },
  },
  async ({ note: id, email }: Share, ctx) => {
    const note = await ctx.db.collection("notes").find(id);
    if (note === null) throw new FunctionError("note_not_found", "There is no such note.", undefined, 404);
    if (note.owner !== ctx.auth?.id)
      throw new FunctionError("not_yours", "Only its owner shares a note.", undefined, 403);
    const items = Object.values((note.items ?? {}) as Record<string, Item & { done: boolean }>);
    const list = items.map(({ text, done }) => `[${done ? "x" : " "}] ${text}`);
    const text = [note.body, ...list, "", `${ctx.env.APP_URL}/#${id}`].join("\n").trimStart();
    const sent = await ctx.email.send({ to: email, subject: note.title || "A note", text });
    ctx.log.info("a note was shared", { note: id, message: sent.id });
    return sent;
  },
);
