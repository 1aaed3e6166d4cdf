/** The server's highlight: escaped text with `<mark>` around what was found. It is read, never put in as HTML. */
export function Marked({ html, text }: { html: string | undefined; text: string }) {
  if (!html) return text;
  return html.split(/(<mark>.*?<\/mark>)/s).map((piece, index) => {
    const found = /^<mark>(.*)<\/mark>$/s.exec(piece);
    return found ? <mark key={index}>{plain(found[1] ?? "")}</mark> : plain(piece);
  });
}

const ENTITIES: Record<string, string> = {
  "&lt;": "<",
  "&gt;": ">",
  "&quot;": '"',
  "&#39;": "'",
  "&#x27;": "'",
  "&amp;": "&",
};

function plain(escaped: string): string {
  return escaped.replace(/&(?:lt|gt|quot|amp|#39|#x27);/g, (entity) => ENTITIES[entity] ?? entity);
}
