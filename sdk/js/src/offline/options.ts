import { badArgument } from "../errors.js";
import type { ConflictPolicy, OfflineOptions } from "./types.js";

/** Refuses what would only show when a conflict comes up. */
export function checked(options: OfflineOptions): OfflineOptions {
  for (const [collection, policy] of Object.entries(options.conflicts ?? {})) {
    if (!isPolicy(policy)) throw badArgument(`conflicts.${collection} is no policy for conflicts.`);
  }
  for (const [name, limit] of Object.entries(options.limits ?? {})) {
    if (limit !== undefined && !(limit > 0)) throw badArgument(`limits.${name} has to be above 0.`);
  }
  if (options.onFailure !== undefined && options.onFailure !== "rollback" && options.onFailure !== "keep") {
    throw badArgument('onFailure is "rollback" or "keep".');
  }
  return options;
}

function isPolicy(policy: ConflictPolicy): boolean {
  if (typeof policy === "function") return true;
  if (typeof policy === "string") return ["last-write-wins", "reject", "merge"].includes(policy);
  return policy?.merge === "mine" || policy?.merge === "theirs";
}
