import type { Json, JsonPatch } from "../documents/types.js";
import { deepEqual, depth, isMap, type Members, member, plain } from "./json.js";
import { patchError } from "./merge.js";

/** Operations of one patch. */
const MOST_OPERATIONS = 200;
/** What copies may come to, in characters of JSON. */
const MOST_COPIED = 2 << 20;
/** Operations times characters of the document. */
const MOST_WORK = 32 << 20;
/** Nesting of JSON. */
export const JSON_DEPTH = 64;

/** Applies a patch of RFC 6902 to a map, within the server's bounds. */
export function jsonPatch(stored: Members, operations: readonly JsonPatch[]): Members {
  if (operations.length > MOST_OPERATIONS) {
    throw patchError("bad_patch", `A JSON Patch has at most ${MOST_OPERATIONS} operations.`);
  }
  operations.forEach(check);
  if (operations.length > 32 && operations.length * text(stored).length > MOST_WORK) {
    throw patchError("too_large", "Too many operations for a document of this size.");
  }
  // The root is held in a list, so that it can be replaced as any other value.
  const root: Json[] = [plain(stored)];
  let copied = 0;
  operations.forEach((operation, index) => {
    const failed = (why: string) => patchError("patch_failed", `Operation /${index} of the patch failed: ${why}.`);
    if (operation.op === "copy") copied += text(find(root, operation.from ?? "")).length;
    if (copied > MOST_COPIED) throw patchError("too_large", "The patch copies more than a document can hold.");
    apply(root, operation, failed);
  });
  const [made] = root;
  if (!isMap(made)) throw patchError("bad_patch", "The patch would replace the document by what is no object.");
  return made;
}

function text(value: Json | undefined): string {
  return JSON.stringify(value) ?? "";
}

function check(operation: JsonPatch, index: number): void {
  const isPointer = (path: unknown) => typeof path === "string" && /^(\/|$)/.test(path);
  const { op, path, from, value } = operation ?? {};
  const needsValue = /^(add|replace|test)$/.test(op);
  const needsFrom = /^(move|copy)$/.test(op);
  const isGood = needsValue ? value !== undefined : needsFrom ? isPointer(from) : op === "remove";
  if (!isGood || !isPointer(path)) {
    throw patchError("bad_patch", `/${index} is not an operation of JSON Patch (RFC 6902): see op, path, value, from.`);
  }
}

type Failed = (why: string) => Error;
const NOTHING = 'there is nothing at "path"';
const NOTHING_FROM = 'there is nothing at "from"';

function apply(root: Json[], operation: JsonPatch, failed: Failed): void {
  const { op, path, from = "" } = operation;
  const given = operation.value === undefined ? undefined : plain(operation.value);
  const source = op === "move" || op === "copy" ? find(root, from) : given;
  checkDepth(path, source);
  if (op === "test") {
    if (!deepEqual(find(root, path), given)) throw failed("the value is another one");
  } else if (op === "remove") {
    if (path === "" || !change(root, path, "remove")) throw failed(NOTHING);
  } else if (op === "replace") {
    if (find(root, path) === undefined || !change(root, path, "set", given)) throw failed(NOTHING);
  } else if (op === "add") {
    if (!change(root, path, "add", given)) throw failed(NOTHING);
  } else {
    if (source === undefined) throw failed(NOTHING_FROM);
    if (op === "move" && path.startsWith(`${from}/`)) throw failed("a value can't be moved into itself");
    if (op === "move" && from !== path) change(root, from, "remove");
    if (from !== path && !change(root, path, "add", plain(source))) throw failed(NOTHING);
  }
}

/** After each operation: copies into copies would nest without end. */
function checkDepth(path: string, value: Json | undefined): void {
  const holders = path.split("/").length - 1;
  if (holders + depth(value, JSON_DEPTH) > JSON_DEPTH) {
    throw patchError("bad_json", `The document would be nested deeper than ${JSON_DEPTH}.`);
  }
}

/** The tokens of a JSON Pointer, behind the one that leads to the root. */
function tokens(path: string): string[] {
  const names = path.split("/").slice(1);
  return ["0", ...names.map((name) => name.replaceAll("~1", "/").replaceAll("~0", "~"))];
}

function find(root: Json[], path: string): Json | undefined {
  let value: Json | undefined = root;
  for (const token of tokens(path)) value = child(value, token);
  return value;
}

function child(holder: Json | undefined, token: string): Json | undefined {
  if (Array.isArray(holder)) return /^(0|[1-9]\d*)$/.test(token) ? holder[Number(token)] : undefined;
  return isMap(holder) ? member(holder, token) : undefined;
}

/** Changes what a path leads to; false where there is no such place. */
function change(root: Json[], path: string, how: "add" | "set" | "remove", value: Json = null): boolean {
  const names = tokens(path);
  const last = names.pop() ?? "";
  let holder: Json | undefined = root;
  for (const token of names) holder = child(holder, token);
  if (Array.isArray(holder)) return changeList(holder, last, path === "" ? "set" : how, value);
  if (!isMap(holder)) return false;
  if (how === "remove") {
    const has = Object.hasOwn(holder, last);
    delete holder[last];
    return has;
  }
  // Defined, not assigned: "__proto__" is a name like others.
  Object.defineProperty(holder, last, { value, writable: true, enumerable: true, configurable: true });
  return true;
}

function changeList(list: Json[], token: string, how: "add" | "set" | "remove", value: Json): boolean {
  const index = token === "-" && how === "add" ? list.length : /^(0|[1-9]\d*)$/.test(token) ? Number(token) : -1;
  if (index < 0 || index > list.length - (how === "add" ? 0 : 1)) return false;
  if (how === "add") list.splice(index, 0, value);
  else if (how === "set") list[index] = value;
  else list.splice(index, 1);
  return true;
}
