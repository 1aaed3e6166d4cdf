export interface Declared {
  name: string;
  definition?: { schema?: unknown };
}

/** The text of a module with an interface `Schema` and a type for each collection. */
export function typesOf(collections: readonly Declared[]): string;
