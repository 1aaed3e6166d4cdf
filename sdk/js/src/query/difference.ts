import type { Document } from "../documents/types.js";
import type { LiveChange } from "../realtime/types.js";
import { deepEqual } from "./json.js";

/** The steps from one list of shown documents to another, as the server tells them after a new reading. */
export function difference(
  from: readonly Document[],
  to: readonly Document[],
  isSame: (before: Document, after: Document) => boolean = deepEqual,
): LiveChange[] {
  const steps: LiveChange[] = [];
  const stays = new Set(to.map((row) => row.id));
  const list: Document[] = [];
  for (const row of from) {
    if (stays.has(row.id)) list.push(row);
    else steps.push({ op: "removed", doc: { id: row.id }, index: list.length });
  }
  const known = new Set(list.map((row) => row.id));
  to.forEach((row, index) => {
    if (!known.has(row.id)) {
      list.splice(index, 0, row);
      steps.push({ op: "added", doc: row, index });
      return;
    }
    const old = list.findIndex((other, place) => place >= index && other.id === row.id);
    const [before] = list.splice(old, 1);
    list.splice(index, 0, row);
    if (old !== index || !before || !isSame(before, row)) steps.push({ op: "modified", doc: row, index });
  });
  return steps;
}
