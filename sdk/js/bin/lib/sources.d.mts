import type { DeclaredFunction } from "./types.mjs";

/** Functions of a server, with the `module` of those whose code lies in the app's folder, as the file `out` names it. */
export function sourcesOf(
  app: string,
  functions: readonly (DeclaredFunction & { source?: string | null })[],
  out?: string,
): { functions: readonly DeclaredFunction[]; declarations?: string };
