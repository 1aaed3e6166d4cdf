/** Files that are made to run in a browser. Each says so where it does: by the console, a dialog, or a request. */

export interface Hostile {
  name: string;
  /** What its uploader calls it. */
  types: string[];
  content: Uint8Array;
}

/** A script that tells of itself. */
const SCRIPT = "console.log('it ran');try{alert('it ran')}catch(e){}new Image().src='/ran'";
const PAGE = `<!doctype html><html><body onload="${SCRIPT.replaceAll("'", "&#39;")}"><script>${SCRIPT}</script></body></html>`;

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const bytes = (...parts: (string | number[])[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => (typeof part === "string" ? [...text(part)] : part)));

const PAGES = ["text/html", "image/png", "text/plain", "application/octet-stream", "application/xhtml+xml", "x/y"];
const DRAWINGS = ["image/svg+xml", "image/png", "text/xml", "text/plain"];

export const CORPUS: Hostile[] = [
  { name: "page.html", types: PAGES, content: text(PAGE) },
  { name: "page.png", types: PAGES, content: text(PAGE) },
  { name: "page", types: PAGES, content: text(`  \r\n\t${PAGE}`) },
  { name: "commented.html", types: PAGES, content: text(`<!-- ${"x".repeat(3_000)} -->${PAGE}`) },
  { name: "bom.html", types: PAGES, content: bytes([0xef, 0xbb, 0xbf], PAGE) },
  { name: "utf16.html", types: PAGES, content: Uint8Array.from(Buffer.from(`\ufeff${PAGE}`, "utf16le")) },
  { name: "utf7.html", types: PAGES, content: text("+ADw-script+AD4-console.log('it ran')+ADw-/script+AD4-") },
  {
    name: "late.html",
    types: PAGES,
    content: bytes(
      Array.from({ length: 600 }, () => 0),
      PAGE,
    ),
  },
  {
    name: "drawing.svg",
    types: DRAWINGS,
    content: text(`<svg xmlns="http://www.w3.org/2000/svg" onload="${SCRIPT}"><script>${SCRIPT}</script></svg>`),
  },
  {
    name: "foreign.svg",
    types: DRAWINGS,
    content: text(
      `<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><foreignObject><iframe xmlns="http://www.w3.org/1999/xhtml" srcdoc="&lt;script&gt;${SCRIPT}&lt;/script&gt;"/></foreignObject></svg>`,
    ),
  },
  {
    name: "styled.xml",
    types: ["text/xml", "application/xml", "image/svg+xml"],
    content: text(
      `<?xml version="1.0"?><?xml-stylesheet type="text/xsl" href="#x"?><html xmlns="http://www.w3.org/1999/xhtml"><script>${SCRIPT}</script></html>`,
    ),
  },
  {
    name: "picture.gif",
    types: ["image/gif", "text/html"],
    content: bytes("GIF89a/*", [0, 1, 0, 1], PAGE, `*/=1;${SCRIPT}`),
  },
  { name: "picture.jpg", types: ["image/jpeg", "text/html"], content: bytes([0xff, 0xd8, 0xff, 0xe0], "JFIF", PAGE) },
  { name: "document.pdf", types: ["application/pdf", "text/html"], content: text(`%PDF-1.4\n${PAGE}`) },
  { name: "script.js", types: ["text/javascript", "text/plain"], content: text(SCRIPT) },
  {
    name: "archive.mht",
    types: ["multipart/related", "message/rfc822", "text/plain"],
    content: text(
      `MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary="b"\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n${PAGE}\r\n--b--`,
    ),
  },
];

/** The same bytes without any care, to show that what runs is seen. */
export const CONTROL = PAGE;
