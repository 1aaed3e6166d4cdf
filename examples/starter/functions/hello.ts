import { callable, FunctionError, onDocument } from "basalt:functions";

interface Input {
  name: string;
}

/** `client.functions.hello({ name: "Ada" })`, or `basalt functions invoke hello '{"name":"Ada"}'`. */
export const hello = callable(
  {
    // Anybody may say hello; without this line the rule of app.toml holds.
    invoke: "true",
    input: {
      type: "object",
      properties: { name: { type: "string", maxLength: 100 } },
      required: ["name"],
      additionalProperties: false,
    },
    output: { type: "object", properties: { greeting: { type: "string" } }, required: ["greeting"] },
  },
  async ({ name }: Input, ctx) => {
    if (name.trim() === "") throw new FunctionError("no_name", "Say your name.");
    ctx.log.info("greeted", { name });
    return { greeting: `Hello, ${name}!` };
  },
);

/** Runs after a note's text was written. What it writes itself leaves the text alone, so it doesn't wake itself. */
export const count = onDocument(
  "notes",
  { on: ["create", "update"], when: "op == 'create' || has(before.text)" },
  async (event, ctx) => {
    const words = event.doc.text.split(/\s+/u).filter(Boolean).length;
    await ctx.asService().db.collection("notes").update(event.doc.id, { words });
  },
);
