export interface Declared {
  name: string;
  definition?: { schema?: unknown };
}

export interface DeclaredFunction {
  name: string;
  kind: string;
  input?: unknown;
  output?: unknown;
}

/**
 * The text of a module with an interface `Schema` and a type for each collection, and where there are callables with an
 * interface `Functions`.
 */
export function typesOf(collections: readonly Declared[], functions?: readonly DeclaredFunction[]): string;
