/** What the bot says. Pure, so that it can be tried out anywhere. */

export interface Said {
  answer: string;
  /** What is to be remembered from now on. */
  remember?: { name: string; value: string };
}

export function reply(text: string, from: string, bot: string, memory: Readonly<Record<string, string>>): Said {
  const said = text.trim();
  const told = /^remember(?: that)? (?:my )?(.{1,40}?) is (.{1,200}?)[.!]?$/i.exec(said);
  if (told?.[1] && told[2]) {
    const name = told[1].toLowerCase();
    return { answer: `I'll remember that your ${name} is ${told[2]}.`, remember: { name, value: told[2] } };
  }
  const asked = /^what(?:'s| is) (?:my )?(.{1,40}?)\??$/i.exec(said)?.[1]?.toLowerCase();
  if (asked !== undefined) {
    const known = Object.hasOwn(memory, asked) ? memory[asked] : undefined;
    return { answer: known === undefined ? `You haven't told me your ${asked}.` : `Your ${asked} is ${known}.` };
  }
  if (/^(hi|hello|hey)\b/i.test(said)) return { answer: `Hello ${from}, I'm ${bot}.` };
  if (/\bhelp\b/i.test(said)) return { answer: 'Say "remember my colour is blue", then ask "what is my colour?".' };
  return { answer: `I don't know what to say to that, ${from}. Try "help".` };
}
