import type { Context } from "./context.js";
import { fail } from "./faults.js";
import { constantly, counted, type Part, type Run } from "./machine.js";
import type { Node } from "./syntax.js";
import { Instant, isList, isMap, member, typeOf, unfit } from "./values.js";

/** Names that are no fields of the document, and no elements of macros. */
const RESERVED = /^(auth|request|doc|next|vars|params)$/;
const AUTH = /^(id|email|emailVerified|anonymous|roles|claims|mfa|method|orgs)$/;

export function name(context: Context, node: Node): Part {
  const { text } = node;
  const slot = context.variables.lastIndexOf(text);
  if (slot >= 0) return { run: (machine) => machine.elements[slot] ?? null };
  if (!RESERVED.test(text)) return { run: select(counted(document), text) };
  if (text === "doc") return { run: document };
  if (text === "vars") return { run: (machine) => machine.bound.vars };
  if (text === "auth" && context.auth) return { run: (machine) => machine.bound.auth };
  if (text === "request") throw context.fault(node, "Write request.time.");
  throw context.fault(node, `\`${text}\` can't be used here. (The document's field is doc.${text}.)`);
}

const document: Run = (machine) => machine.bound.doc ?? fail("`doc` has no value here");

function select(of: Run, name: string): Run {
  return (machine) => {
    const holder = of(machine);
    const value = isMap(holder) ? member(holder, name) : unfit("a map", holder);
    return value === undefined ? fail(`there is no \`${name}\``) : value;
  };
}

/** `operand.name`, or `operand["name"]`. */
export function field(context: Context, node: Node, name: string, depth: number): Part {
  const operand = node.parts[0] as Node;
  if (isRequest(context, operand)) return request(context, node, name);
  checkAuth(context, operand, name);
  return { run: select(context.build(operand, depth + 1).run, name) };
}

function isRequest(context: Context, node: Node): boolean {
  return node.kind === "name" && node.text === "request" && !context.variables.includes("request");
}

function checkAuth(context: Context, operand: Node, name: string): void {
  const isAuth = operand.kind === "name" && operand.text === "auth" && context.auth;
  if (isAuth && !AUTH.test(name)) throw context.fault(operand, `auth has no \`${name}\`.`);
}

function request(context: Context, node: Node, name: string): Part {
  if (/^(ip|method|id)$/.test(name)) throw context.serverOnly(node, `request.${name}`);
  if (name !== "time") throw context.fault(node, `request has no \`${name}\`; it has time, ip, method and id.`);
  context.usesTime = true;
  return {
    run: ({ bound }) => (bound.time === undefined ? fail("`request` has no value here") : new Instant(bound.time)),
  };
}

export function index(context: Context, node: Node, depth: number): Part {
  const [operand, keyNode] = node.parts as [Node, Node];
  const key = context.build(keyNode, depth + 1);
  if (typeof key.constant === "string") return field(context, node, key.constant, depth);
  const { run: of } = context.build(operand, depth + 1);
  return {
    run(machine) {
      const holder = of(machine);
      const at = key.run(machine);
      if (isList(holder)) {
        if (typeOf(at) !== "int") return unfit("an integer as index", at);
        return holder[Number(at)] ?? fail("the list has no such element");
      }
      if (!isMap(holder)) return unfit("a map or list", holder);
      const value = typeof at === "string" ? member(holder, at) : unfit("a text as key", at);
      return value === undefined ? fail(`there is no key ${JSON.stringify(at)}`) : value;
    },
  };
}

/** `has(operand.field)`, `has(operand["field"])`; `has(field)` of the document. */
export function has(context: Context, node: Node, argument: Node, depth: number): Part {
  if (argument.kind === "name" && !RESERVED.test(argument.text) && !context.variables.includes(argument.text)) {
    return { run: presence(counted(document), argument.text) };
  }
  const [operand, key] = argument.parts;
  const name = argument.kind === "select" ? argument.text : argument.kind === "index" ? key?.value : undefined;
  if (!operand || typeof name !== "string") {
    throw context.fault(node, "has() asks whether a field is there: has(doc.title).");
  }
  if (isRequest(context, operand)) {
    if (/^(time|ip|method|id)$/.test(name)) return constantly(true);
    throw context.fault(argument, `request has no \`${name}\`; it has time, ip, method and id.`);
  }
  checkAuth(context, operand, name);
  return { run: presence(context.build(operand, depth + 1).run, name) };
}

function presence(of: Run, name: string): Run {
  return (machine) => {
    const holder = of(machine);
    return isMap(holder) ? Object.hasOwn(holder, name) : unfit("a map", holder);
  };
}

/** A place within the document. */
export function isField(context: Context, node: Node): boolean {
  if (node.kind !== "name") return node.kind === "select" && isField(context, node.parts[0] as Node);
  return !context.variables.includes(node.text) && (node.text === "doc" || !RESERVED.test(node.text));
}

/** Why a macro's element can't have this name. */
export function isTaken(name: string): boolean {
  return RESERVED.test(name);
}
