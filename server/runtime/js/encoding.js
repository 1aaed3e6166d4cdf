// TextEncoder, TextDecoder (UTF-8), atob, btoa.
export default function encoding(internal) {
  const { natives } = internal;

  /** The buffer behind bytes of any kind, and where they are in it. */
  function view(source) {
    if (source === undefined) return { buffer: new ArrayBuffer(0), byteOffset: 0, byteLength: 0 };
    if (source instanceof ArrayBuffer) return { buffer: source, byteOffset: 0, byteLength: source.byteLength };
    if (ArrayBuffer.isView(source)) return source;
    throw new TypeError("Bytes are an ArrayBuffer or a view of one.");
  }

  /** An ArrayBuffer of just these bytes. */
  function exact(source) {
    const { buffer, byteOffset, byteLength } = view(source);
    if (byteOffset === 0 && byteLength === buffer.byteLength) return buffer;
    return buffer.slice(byteOffset, byteOffset + byteLength);
  }

  const encode = (text) => new Uint8Array(natives.utf8Encode(`${text}`.toWellFormed()));

  class TextEncoder {
    get encoding() {
      return "utf-8";
    }
    encode(text = "") {
      return encode(text);
    }
    encodeInto(text, target) {
      let read = 0;
      let written = 0;
      for (const character of `${text}`.toWellFormed()) {
        const bytes = encode(character);
        if (written + bytes.length > target.length) break;
        target.set(bytes, written);
        written += bytes.length;
        read += character.length;
      }
      return { read, written };
    }
  }

  const LABELS = ["utf-8", "utf8", "unicode-1-1-utf-8", "unicode11utf8", "unicode20utf8", "x-unicode20utf8"];

  class TextDecoder {
    #fatal;
    #ignoreBOM;
    /** The beginning of a character, of which the rest is yet to come. */
    #rest = new Uint8Array(0);
    #started = false;

    constructor(label = "utf-8", { fatal = false, ignoreBOM = false } = {}) {
      if (!LABELS.includes(`${label}`.trim().toLowerCase()))
        throw new RangeError(`There is no encoding ${label}: only utf-8.`);
      this.#fatal = !!fatal;
      this.#ignoreBOM = !!ignoreBOM;
    }
    get encoding() {
      return "utf-8";
    }
    get fatal() {
      return this.#fatal;
    }
    get ignoreBOM() {
      return this.#ignoreBOM;
    }
    decode(source, { stream = false } = {}) {
      let { buffer, byteOffset, byteLength } = view(source);
      if (this.#rest.length > 0) {
        const joined = new Uint8Array(this.#rest.length + byteLength);
        joined.set(this.#rest);
        joined.set(new Uint8Array(buffer, byteOffset, byteLength), this.#rest.length);
        ({ buffer, byteOffset, byteLength } = joined);
      }
      const bytes = new Uint8Array(buffer, byteOffset, byteLength);
      const open = stream ? unfinished(bytes) : 0;
      this.#rest = bytes.slice(byteLength - open);
      const text = natives.utf8Decode(buffer, byteOffset, byteLength - open, this.#fatal);
      if (typeof text !== "string") {
        this.#rest = new Uint8Array(0);
        throw new TypeError("The bytes are no UTF-8.");
      }
      const marked = !this.#started && !this.#ignoreBOM && text.charCodeAt(0) === 0xfeff;
      this.#started = stream && (this.#started || text.length > 0);
      return marked ? text.slice(1) : text;
    }
  }

  /** How many bytes at the end are the beginning of a character. */
  function unfinished(bytes) {
    for (let back = 1; back <= Math.min(3, bytes.length); back++) {
      const byte = bytes[bytes.length - back];
      if ((byte & 0xc0) === 0x80) continue;
      const length = byte >= 0xf0 && byte < 0xf5 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc2 ? 2 : 1;
      return byte < 0xf5 && length > back ? back : 0;
    }
    return 0;
  }

  function btoa(text) {
    const bytes = Uint8Array.from(`${text}`, (character) => {
      const code = character.codePointAt(0);
      if (code > 255) throw new DOMException("A character is beyond Latin-1.", "InvalidCharacterError");
      return code;
    });
    return natives.base64Encode(bytes.buffer);
  }

  function atob(text) {
    const plain = `${text}`.replace(/[\t\n\f\r ]/g, "");
    // Padding is all there or not there at all.
    const bare = plain.length % 4 === 0 ? plain.replace(/={1,2}$/, "") : plain;
    const bytes = bare.includes("=") || bare.length % 4 === 1 ? null : natives.base64Decode(bare.toWellFormed());
    if (bytes == null) throw new DOMException("The text is no base 64.", "InvalidCharacterError");
    return Array.from(new Uint8Array(bytes), (byte) => String.fromCharCode(byte)).join("");
  }

  return { TextEncoder, TextDecoder, atob, btoa, exact, encode, view };
}
