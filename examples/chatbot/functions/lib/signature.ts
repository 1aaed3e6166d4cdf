/** `sha256=HEX` over `TIMESTAMP.BODY`, as many chat services sign what they send. */

const LONGEST_WAY = 5 * 60;

export interface Signed {
  /** Seconds since 1970, as it was sent. */
  timestamp: string;
  signature: string;
  body: Uint8Array;
}

/** False also for what was signed long ago, so that nobody sends it again. */
export async function isGenuine({ timestamp, signature, body }: Signed, secret: string, now: number): Promise<boolean> {
  if (!/^\d{1,12}$/.test(timestamp) || Math.abs(now / 1000 - Number(timestamp)) > LONGEST_WAY) return false;
  const given = bytesOf(signature);
  if (given === null) return false;
  const encoder = new TextEncoder();
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", encoder.encode(secret), algorithm, false, ["verify"]);
  const head = encoder.encode(`${timestamp}.`);
  const signed = new Uint8Array(head.length + body.length);
  signed.set(head);
  signed.set(body, head.length);
  // Compares in constant time.
  return crypto.subtle.verify("HMAC", key, given, signed);
}

function bytesOf(signature: string): Uint8Array<ArrayBuffer> | null {
  const hex = /^sha256=([0-9a-f]{64})$/.exec(signature)?.[1];
  return hex ? Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16)) : null;
}
