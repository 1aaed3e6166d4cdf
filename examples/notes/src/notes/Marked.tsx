/** The server's highlight: escaped text with `<mark>` around what was found. It is read, never put in as HTML. */
export function Marked({ html, text }: { html: string | undefined; text: string }) {
  if (!html) return text;
  return html.split(/(<mark>.*?<\/mark>)/s).map((piece, index) => {
    const found = /^<mark>(.*)<\/mark>$/s.exec(piece);
    // biome-ignore lint/suspicious/noArrayIndexKey: pieces of one text have nothing else to be told apart by
    return found ? <mark key={index}>{plain(found[1] ?? "")}</mark> : plain(piece);
  });
}

const ENTITIES: Record<string, string> = { "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'", "&#x27;": "'", "&amp;": "&" };

function plain(escaped: string): string {
  return escaped.replace(/&(?:lt|gt|quot|amp|#39|#x27);/g, (entity) => ENTITIES[entity] ?? entity);
}
