import { badArgument } from "../errors.js";

/** The server's address without a slash at its end. A path before it stays: servers may stand behind a prefix. */
export function serverUrl(text: string): string {
  let url: URL | null = null;
  try {
    url = new URL(text);
  } catch {}
  if (!url || !/^https?:$/.test(url.protocol) || url.search || url.hash || url.username || url.password) {
    const like = 'it looks like "https://api.example.com", without query, fragment and password';
    throw badArgument(`${JSON.stringify(text)} is no server's URL: ${like}.`);
  }
  return `${url.origin}${url.pathname}`.replace(/\/+$/, "");
}

/** `?a=1&b=x`, or nothing; what is undefined is left out. */
export function queryString(query: Record<string, string | number | boolean | undefined> = {}): string {
  const parts = Object.entries(query)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`);
  return parts.length > 0 ? `?${parts.join("&")}` : "";
}

/** One part of a path; `.` and `..` would climb, since URLs are tidied before they are sent. */
export function segment(text: string): string {
  if (text === "" || text === "." || text === "..") throw badArgument(`${JSON.stringify(text)} can't be a name.`);
  return encodeURIComponent(text);
}
