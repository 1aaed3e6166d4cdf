/** Two devices changed a note: what both changed, to different things, is for the user to decide; the rest is merged. */
import type { Conflict, Json, Resolution } from "@basalt/client";

type Fields = Record<string, Json>;

export function mergeNotes({ base, mine, theirs }: Conflict): Resolution | undefined {
  if (base === null || mine === null || theirs === null) return undefined;
  const merged: Fields = { ...theirs };
  for (const field of ["title", "body", "members"]) {
    const decided = decide(base[field], mine[field], theirs[field]);
    if (decided === CONFLICT) return undefined;
    if (decided !== undefined) merged[field] = decided;
  }
  const images = mergeSets(base.images, mine.images, theirs.images);
  if (images.length > 0 || theirs.images !== undefined) merged.images = images;
  const items = mergeItems(base.items as Fields, mine.items as Fields, theirs.items as Fields);
  if (items === CONFLICT) return undefined;
  merged.items = items;
  merged.words = Object.values(items)
    .map((item) => (item as { text: string }).text)
    .join("\n");
  return { document: merged };
}

/** What either added is there, what either took away is gone. */
function mergeSets(base: Json | undefined, mine: Json | undefined, theirs: Json | undefined): Json[] {
  const [was, here, there] = [listOf(base), listOf(mine), listOf(theirs)];
  const kept = there.filter((id) => here.includes(id) || !was.includes(id));
  return [...kept, ...here.filter((id) => !was.includes(id) && !kept.includes(id))];
}

const listOf = (value: Json | undefined): Json[] => (Array.isArray(value) ? value : []);

const CONFLICT = Symbol("changed on both sides");

function mergeItems(base: Fields, mine: Fields, theirs: Fields): Fields | typeof CONFLICT {
  const merged: Fields = {};
  for (const id of new Set([...Object.keys(theirs), ...Object.keys(mine)])) {
    const decided = decide(base[id], mine[id], theirs[id]);
    if (decided === CONFLICT) return CONFLICT;
    if (decided !== undefined) merged[id] = decided;
  }
  return merged;
}

/** What only one side changed is as that side has it. */
function decide(
  base: Json | undefined,
  mine: Json | undefined,
  theirs: Json | undefined,
): Json | undefined | typeof CONFLICT {
  const [was, here, there] = [base, mine, theirs].map((value) => JSON.stringify(value));
  if (here === there || there === was) return mine;
  return here === was ? theirs : CONFLICT;
}
