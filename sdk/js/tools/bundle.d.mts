export interface Bundle {
  text: string;
  gzipped: number;
  minified: number;
  /** The files of which something is in it. */
  inputs: string[];
  byRoom: Record<string, number>;
}

export interface Limit {
  name: string;
  code: string;
  /** Bytes, gzipped. */
  limit: number;
}

export const LIMITS: readonly Limit[];
export function bundled(code: string): Promise<Bundle>;
