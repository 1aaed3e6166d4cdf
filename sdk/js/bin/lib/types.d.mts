export interface Declared {
  name: string;
  definition?: { schema?: unknown };
}

export interface DeclaredFunction {
  name: string;
  kind: string;
  input?: unknown;
  output?: unknown;
  /** The file that it is an export of, as the text's own file names it. */
  module?: string;
}

/**
 * The text of a module with an interface `Schema` and a type for each collection, and where there are callables with an
 * interface `Functions`. What has no schema has the types of its code, where its `module` is known; `declarations` is
 * the file that declares `basalt:functions`.
 */
export function typesOf(
  collections: readonly Declared[],
  functions?: readonly DeclaredFunction[],
  declarations?: string,
): string;
