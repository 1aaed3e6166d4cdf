import { badArgument } from "../errors.js";
import type { ConflictPolicy, OfflineOptions } from "./types.js";

/** Refuses what would only show when a conflict comes up. */
export function checked(options: OfflineOptions): OfflineOptions {
  const { conflicts = {}, limits = {}, onFailure = "keep" } = options;
  const check = (good: boolean, name: string) => {
    if (!good) throw badArgument(`${name} is not what it can be.`);
  };
  for (const [name, policy] of Object.entries(conflicts)) check(isPolicy(policy), `conflicts.${name}`);
  for (const [name, limit = 1] of Object.entries(limits)) check(limit > 0, `limits.${name}`);
  check(["rollback", "keep"].includes(onFailure), "onFailure");
  return options;
}

function isPolicy(policy: ConflictPolicy): boolean {
  if (typeof policy === "string") return ["last-write-wins", "reject", "merge"].includes(policy);
  return typeof policy === "function" || ["mine", "theirs"].includes(policy?.merge);
}
