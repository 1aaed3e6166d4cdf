/** What an access token tells its holder. Nothing is verified here: the server does. */
interface Claims {
  sub?: unknown;
  iat?: unknown;
  exp?: unknown;
}

function claims(token: string): Claims {
  const part = token.split(".")[1];
  if (part === undefined) return {};
  try {
    const value: unknown = JSON.parse(atob(part.replaceAll("-", "+").replaceAll("_", "/")));
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}

/** Who a token speaks for, as a text to compare; service keys stand for themselves. */
export function identityOf(token: string | null): string | null {
  if (token === null) return null;
  const { sub } = claims(token);
  return typeof sub === "string" ? sub : token;
}

/** How often to look for a newer token: often enough that none runs out unnoticed. */
export function lookEvery(token: string | null): number {
  const { iat, exp } = token === null ? {} : claims(token);
  const life = typeof iat === "number" && typeof exp === "number" ? (exp - iat) * 1000 : Number.POSITIVE_INFINITY;
  return Math.min(30_000, Math.max(1_000, life / 10));
}
