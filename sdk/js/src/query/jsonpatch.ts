import type { Json, JsonPatch } from "../documents/types.js";
import { deepEqual, depth, isMap, type Members, member, plain } from "./json.js";
import { patchError } from "./merge.js";

/** Operations of one patch. */
const MOST_OPERATIONS = 200;
/** What they may copy, in characters of JSON. */
const MOST_COPIED = 2 << 20;
/** Nesting of JSON. */
export const JSON_DEPTH = 64;

/** Applies a patch of RFC 6902 to a map, within the server's bounds. */
export function jsonPatch(stored: Members, operations: readonly JsonPatch[]): Members {
  if (operations.length > MOST_OPERATIONS) bad(`A JSON Patch has at most ${MOST_OPERATIONS} operations.`);
  operations.forEach(check);
  // The root is held in a list, so that it can be replaced as any other value.
  const root: Json[] = [plain(stored)];
  let copied = 0;
  operations.forEach((operation, index) => {
    if (operation.op === "copy") copied += length(find(root, operation.from));
    if (copied > MOST_COPIED) throw patchError("too_large", "The patch costs too much.");
    if (!apply(root, operation)) {
      throw patchError("patch_failed", `Operation /${index} of the patch doesn't fit the document.`);
    }
  });
  const [made] = root;
  return isMap(made) ? made : bad("The patch would leave no document.");
}

function bad(message: string): never {
  throw patchError("bad_patch", message);
}

function length(value: Json | undefined): number {
  return JSON.stringify(value)?.length ?? 0;
}

function check(operation: JsonPatch, index: number): void {
  const isPointer = (path: unknown) => typeof path === "string" && /^(\/|$)/.test(path);
  const { op, path, from, value } = operation ?? {};
  const isWhole = {
    add: value,
    replace: value,
    test: value,
    remove: true,
    move: isPointer(from),
    copy: isPointer(from),
  };
  const needed = Object.hasOwn(isWhole, op) ? isWhole[op] : undefined;
  if (!isPointer(path) || needed === undefined || (/^(move|copy)$/.test(op) && !needed)) {
    bad(`/${index} is not an operation of JSON Patch (RFC 6902): see op, path, value, from.`);
  }
}

/** False where the operation doesn't fit. */
function apply(root: Json[], { op, path, from = "", value }: JsonPatch): boolean {
  const isFrom = op === "move" || op === "copy";
  const found = isFrom ? find(root, from) : value;
  const given = found === undefined ? undefined : plain(found);
  const holders = path.split("/").length - 1;
  // After each operation: copies into copies would nest without end.
  if (holders + depth(given, JSON_DEPTH) > JSON_DEPTH) throw patchError("bad_json", "The document would be too deep.");
  const stored = find(root, path);
  if (op === "test") return stored !== undefined && deepEqual(stored, given);
  if (op === "remove") return path !== "" && change(root, path, op);
  if (op === "replace") return stored !== undefined && change(root, path, op, given);
  if (given === undefined || (op === "move" && path.startsWith(`${from}/`))) return false;
  if (isFrom && from === path) return true;
  return (op !== "move" || change(root, from, "remove")) && change(root, path, "add", given);
}

/** The tokens of a JSON Pointer, behind the one that leads to the root. */
function tokens(path: string): string[] {
  const names = path.split("/").slice(1);
  return ["0", ...names.map((name) => name.replaceAll("~1", "/").replaceAll("~0", "~"))];
}

function find(root: Json[], path = ""): Json | undefined {
  return tokens(path).reduce<Json | undefined>(child, root);
}

function child(holder: Json | undefined, token: string): Json | undefined {
  if (Array.isArray(holder)) return holder[indexOf(token)];
  return isMap(holder) ? member(holder, token) : undefined;
}

function indexOf(token: string): number {
  return /^(0|[1-9]\d*)$/.test(token) ? Number(token) : -1;
}

/** Changes what a path leads to; false where there is no such place. */
function change(root: Json[], path: string, how: "add" | "replace" | "remove", value: Json = null): boolean {
  const names = tokens(path);
  const last = names.pop() ?? "";
  const holder = names.reduce<Json | undefined>(child, root);
  if (Array.isArray(holder)) {
    // Nothing stands beside the root.
    const isAdded = how === "add" && path !== "";
    const index = isAdded && last === "-" ? holder.length : indexOf(last);
    const fits = index >= 0 && index < holder.length + (isAdded ? 1 : 0);
    if (fits) holder.splice(index, isAdded ? 0 : 1, ...(how === "remove" ? [] : [value]));
    return fits;
  }
  if (!isMap(holder)) return false;
  if (how === "remove") return Object.hasOwn(holder, last) && delete holder[last];
  // Defined, not assigned: "__proto__" is a name like others.
  Object.defineProperty(holder, last, { value, writable: true, enumerable: true, configurable: true });
  return true;
}
