import { http } from "basalt:functions";
import { reply } from "./lib/replies.ts";
import { isGenuine } from "./lib/signature.ts";

interface Message {
  /** The same when the chat service sends it again. */
  id: string;
  conversation: string;
  from: string;
  text: string;
}

/** Anybody may knock; the signature says who it is. */
export const chat = http({ invoke: "true", timeout: "5s" }, async (request, ctx) => {
  if (request.method !== "POST") return new Response("POST only", { status: 405, headers: { allow: "POST" } });
  const secret = ctx.secrets.CHAT_SECRET;
  if (secret === undefined) {
    ctx.log.error("the secret CHAT_SECRET isn't set");
    return Response.json({ error: "not configured" }, { status: 503 });
  }
  // What was signed are these very bytes.
  const body = await request.bytes();
  const timestamp = request.headers.get("x-chat-timestamp") ?? "";
  const signature = request.headers.get("x-chat-signature") ?? "";
  if (!(await isGenuine({ timestamp, signature, body }, secret, Date.now()))) {
    return Response.json({ error: "bad signature" }, { status: 401 });
  }
  const message = parsed(body);
  if (message === null) return Response.json({ error: "bad message" }, { status: 400 });

  const { id, conversation, from, text } = message;
  const answer = await ctx.asService().db.transaction(async (tx) => {
    const messages = tx.collection("messages");
    const known = await messages.find(id);
    // The answer got lost on its way: it is the same again, and nothing is remembered twice.
    if (known !== null) return known.answer as string;
    const memories = tx.collection("memories");
    const memory = await memories.find(conversation);
    const said = reply(text, from, ctx.env.BOT_NAME ?? "a bot", memory?.facts ?? {});
    messages.create({ id, conversation, from, text, answer: said.answer });
    if (said.remember) {
      const facts = { ...memory?.facts, [said.remember.name]: said.remember.value };
      memories.put(conversation, { facts });
    }
    return said.answer;
  });
  return Response.json({ text: answer });
});

function parsed(body: Uint8Array): Message | null {
  const isId = (value: unknown) => typeof value === "string" && /^[A-Za-z0-9_-]{1,64}$/.test(value);
  try {
    const { id, conversation, from, text } = JSON.parse(new TextDecoder().decode(body));
    const good = isId(id) && isId(conversation) && typeof from === "string" && typeof text === "string";
    return good && from.length <= 100 && text.length <= 4000 ? { id, conversation, from, text } : null;
  } catch {
    return null;
  }
}
