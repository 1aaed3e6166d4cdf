/**
 * TypeScript from JSON Schema (draft 2020-12, the part that describes shapes). `basalt types` writes the same text:
 * tests/vectors/types.json holds both to it.
 */

/** The server's own fields, which `Document<T>` adds. */
const SERVERS = new Set(["id", "rev", "createdAt", "updatedAt"]);
const IDENTIFIER = /^[A-Za-z_$][A-Za-z0-9_$]*$/;
/** A schema that is deeper is taken for any JSON. */
const DEEPEST = 32;

/** What `basalt:functions` says of the types of code. */
const OF_CODE = { input: "InputOf", output: "OutputOf" };

/**
 * Collections are `{name, definition}`, functions `{name, kind, input?, output?, module?}`; `declarations` is the file
 * that makes `basalt:functions` known, which modules import.
 */
export function typesOf(collections, functions = [], declarations = undefined) {
  const names = new Names(["Schema", "Functions", "Json", ...Object.values(OF_CODE)]);
  const sorted = [...collections].sort((a, b) => (a.name < b.name ? -1 : 1));
  const listed = sorted.map(({ name, definition }) => ({
    name,
    type: names.take(pascal(name)),
    schema: definition?.schema,
  }));
  const parts = listed.map(({ type, schema }) => documentType(type, schema, names));
  const members = listed.map(({ name, type }) => `  ${property(name)}: ${type};`).join("\n");
  const callables = functions.filter(({ kind }) => kind === "callable").sort((a, b) => (a.name < b.name ? -1 : 1));
  if (callables.length > 0) parts.push(functionsType(callables, names));
  const body = parts.join("\n");
  const head = "// Written by basalt-types: change the collections' schemas instead.\n";
  return `${head}${imports(body, declarations)}\n/** The documents of each collection, for createClient<Schema>(). */\nexport interface Schema {\n${members}\n}\n\n${body}`;
}

/** What the text names that is said elsewhere. */
function imports(body, declarations) {
  const ofCode = Object.values(OF_CODE).filter((name) => body.includes(`${name}<typeof import(`));
  const lines = [];
  if (declarations && ofCode.length > 0) lines.push(`/// <reference path=${JSON.stringify(declarations)} />\n`);
  if (/\bJson\b/.test(body)) lines.push('import type { Json } from "@basalt/client";\n');
  if (ofCode.length > 0) lines.push(`import type { ${ofCode.join(", ")} } from "basalt:functions";\n`);
  return lines.join("");
}

/** What callables take and give. */
function functionsType(functions, names) {
  const written = [];
  const side = (of, which) => {
    const schema = of[which];
    if (schema === undefined || schema === null) {
      return of.module ? `${OF_CODE[which]}<typeof import(${JSON.stringify(of.module)}).${of.name}>` : "Json";
    }
    const prefix = pascal(of.name) + pascal(which);
    const context = { root: schema, names, prefix, references: new Map(), written: [] };
    const shape = typeOf(schema, context, 0, "  ");
    written.push(...context.written);
    return group(shape);
  };
  const members = functions.map((one) => {
    return `  ${property(one.name)}: { input: ${side(one, "input")}; output: ${side(one, "output")} };`;
  });
  const head =
    "/** What functions take and give, for withFunctions(createClient<Schema, Functions>()). */\nexport interface Functions {";
  return [`${head}\n${members.join("\n")}\n}\n`, ...written].join("\n");
}

/** Names of types, each given once. */
class Names {
  #taken;
  constructor(reserved) {
    this.#taken = new Set(reserved);
  }

  take(wanted) {
    let name = wanted;
    for (let n = 2; this.#taken.has(name); n++) name = `${wanted}${n}`;
    this.#taken.add(name);
    return name;
  }
}

function documentType(type, schema, names) {
  if (!isObject(schema)) return `export type ${type} = Record<string, Json>;\n`;
  const context = { root: schema, names, prefix: type, references: new Map(), written: [] };
  const known = isObject(schema.properties)
    ? Object.entries(schema.properties).filter(([name]) => !SERVERS.has(name))
    : [];
  const own = { ...schema, properties: Object.fromEntries(known) };
  const shape = typeOf(own, context, 0, "");
  const comment = jsdoc(schema.description, "");
  const text =
    shape.startsWith("{") && shape.endsWith("}") && group(shape) === shape
      ? `export interface ${type} ${shape}\n`
      : `export type ${type} = ${shape};\n`;
  return [`${comment}${text}`, ...context.written].join("\n");
}

function typeOf(schema, context, depth, indent) {
  if (schema === false) return "never";
  if (!isObject(schema) || depth > DEEPEST) return "Json";
  if (typeof schema.$ref === "string") return referenced(schema.$ref, context);
  if ("const" in schema) return JSON.stringify(schema.const);
  if (Array.isArray(schema.enum)) return union(schema.enum.map((value) => JSON.stringify(value)));
  const inner = (one) => typeOf(one, context, depth + 1, indent);
  const choices = schema.oneOf ?? schema.anyOf;
  if (Array.isArray(choices)) return union(choices.map(inner));
  if (Array.isArray(schema.allOf)) {
    const { allOf, ...rest } = schema;
    const parts = isObject(rest.properties) ? [rest, ...allOf] : allOf;
    return parts.map((part) => group(inner(part))).join(" & ");
  }
  const types = Array.isArray(schema.type) ? schema.type : [schema.type ?? guessed(schema)];
  return union(types.map((type) => plain(type, schema, context, depth, indent)));
}

/** Without a `type` a schema with properties or items is taken to mean it. */
function guessed(schema) {
  if (isObject(schema.properties)) return "object";
  return "items" in schema || "prefixItems" in schema ? "array" : "any";
}

function plain(type, schema, context, depth, indent) {
  switch (type) {
    case "string":
    case "boolean":
    case "null":
      return type;
    case "number":
    case "integer":
      return "number";
    case "array":
      return list(schema, context, depth, indent);
    case "object":
      return object(schema, context, depth, indent);
    default:
      return "Json";
  }
}

function list(schema, context, depth, indent) {
  const inner = (one) => typeOf(one, context, depth + 1, indent);
  const element = "items" in schema && schema.items !== true ? inner(schema.items) : "Json";
  if (!Array.isArray(schema.prefixItems)) return `${group(element)}[]`;
  const rest = schema.items === false ? [] : [`...${group(element)}[]`];
  return `[${[...schema.prefixItems.map((one) => `${group(inner(one))}?`), ...rest].join(", ")}]`;
}

function object(schema, context, depth, indent) {
  const entries = Object.entries(isObject(schema.properties) ? schema.properties : {});
  if (entries.length === 0) {
    const more = schema.additionalProperties;
    return isObject(more) ? `Record<string, ${typeOf(more, context, depth + 1, indent)}>` : "Record<string, Json>";
  }
  const required = new Set(Array.isArray(schema.required) ? schema.required : []);
  const deeper = `${indent}  `;
  const lines = entries.map(([name, one]) => {
    const mark = required.has(name) ? "" : "?";
    return `${jsdoc(one?.description, deeper)}${deeper}${property(name)}${mark}: ${typeOf(one, context, depth + 1, deeper)};`;
  });
  return `{\n${lines.join("\n")}\n${indent}}`;
}

/** `#/$defs/Address` becomes a type of its own, so that schemas may refer to themselves. */
function referenced(pointer, context) {
  const known = context.references.get(pointer);
  if (known) return known;
  if (pointer === "#") return context.prefix;
  const target = resolved(context.root, pointer);
  if (target === undefined) return "Json";
  const name = context.names.take(context.prefix + pascal(pointer.slice(pointer.lastIndexOf("/") + 1)));
  context.references.set(pointer, name);
  const shape = typeOf(target, context, 0, "");
  context.written.push(`${jsdoc(target?.description, "")}export type ${name} = ${shape};\n`);
  return name;
}

function resolved(root, pointer) {
  if (!pointer.startsWith("#/")) return undefined;
  const steps = pointer
    .slice(2)
    .split("/")
    .map((step) => decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~"));
  return steps.reduce((at, step) => (isObject(at) && Object.hasOwn(at, step) ? at[step] : undefined), root);
}

function union(types) {
  const distinct = [...new Set(types)];
  return distinct.length === 0
    ? "never"
    : distinct.map((type) => (distinct.length > 1 ? group(type) : type)).join(" | ");
}

/** In parentheses where `|` or `&` outside of braces would be read wrongly. */
function group(type) {
  let depth = 0;
  for (const sign of type.replaceAll(/"(?:[^"\\]|\\.)*"/g, "")) {
    if ("{[(<".includes(sign)) depth++;
    else if ("}])>".includes(sign)) depth--;
    else if (depth === 0 && (sign === "|" || sign === "&")) return `(${type})`;
  }
  return type;
}

function property(name) {
  return IDENTIFIER.test(name) ? name : JSON.stringify(name);
}

function jsdoc(text, indent) {
  if (typeof text !== "string" || text.trim() === "") return "";
  return `${indent}/** ${text
    .trim()
    .replaceAll("*/", "*\\/")
    .replaceAll(/\s*\n\s*/g, " ")} */\n`;
}

function pascal(name) {
  const text = name
    .split(/[^A-Za-z0-9]+/)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join("");
  return /^[A-Za-z]/.test(text) ? text : `T${text}`;
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
