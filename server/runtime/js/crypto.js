// crypto: random values, hashes, HMAC.
export default function crypto(internal) {
  const { natives, use } = internal;
  const { exact } = use("encoding");
  const HASHES = ["SHA-1", "SHA-256", "SHA-384", "SHA-512"];
  const BLOCKS = { "SHA-1": 64, "SHA-256": 64, "SHA-384": 128, "SHA-512": 128 };

  const unsupported = (what) => new DOMException(`${what} doesn't exist here.`, "NotSupportedError");

  function hashOf(algorithm) {
    const given = `${typeof algorithm === "object" && algorithm !== null ? algorithm.name : algorithm}`;
    const name = HASHES.find((hash) => hash === given.toUpperCase());
    if (!name) throw unsupported(`The algorithm ${given}`);
    return name;
  }

  function checkHmac(algorithm) {
    const name = `${typeof algorithm === "object" && algorithm !== null ? algorithm.name : algorithm}`;
    if (name.toUpperCase() !== "HMAC") throw unsupported(`The algorithm ${name}`);
  }

  const keys = new WeakMap();

  class CryptoKey {
    #about;
    constructor(bytes, hash, extractable, usages) {
      if (!(bytes instanceof ArrayBuffer) || !HASHES.includes(hash))
        throw new TypeError("A key is imported or generated.");
      this.#about = {
        extractable,
        usages,
        algorithm: { name: "HMAC", hash: { name: hash }, length: bytes.byteLength * 8 },
      };
      keys.set(this, { bytes, hash });
    }
    get type() {
      return "secret";
    }
    get extractable() {
      return this.#about.extractable;
    }
    get algorithm() {
      return this.#about.algorithm;
    }
    get usages() {
      return [...this.#about.usages];
    }
  }

  function keyFor(key, usage) {
    const found = keys.get(key);
    if (!found) throw new TypeError("This is no CryptoKey.");
    if (!key.usages.includes(usage)) throw new DOMException(`The key isn't for ${usage}.`, "InvalidAccessError");
    return found;
  }

  const copy = (data) => exact(data).slice(0);

  function usagesOf(usages) {
    const all = [...usages];
    if (all.length === 0 || all.some((usage) => usage !== "sign" && usage !== "verify")) {
      throw new DOMException("A key of HMAC is for sign and verify.", "SyntaxError");
    }
    return all;
  }

  const base64url = (buffer) =>
    natives.base64Encode(buffer).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

  function bytesOfKey(format, data) {
    if (format === "raw") return copy(data);
    if (format !== "jwk") throw unsupported(`The format ${format}`);
    const text = data?.kty === "oct" && typeof data.k === "string" ? data.k : null;
    const bytes = text === null ? null : natives.base64Decode(text.replaceAll("-", "+").replaceAll("_", "/"));
    if (bytes == null) throw new DOMException("The key is no symmetric JWK.", "DataError");
    return bytes;
  }

  class SubtleCrypto {
    async digest(algorithm, data) {
      return natives.digest(hashOf(algorithm), copy(data));
    }
    async importKey(format, data, algorithm, extractable, usages) {
      checkHmac(algorithm);
      const bytes = bytesOfKey(format, data);
      if (bytes.byteLength === 0) throw new DOMException("The key is empty.", "DataError");
      return new CryptoKey(bytes, hashOf(algorithm.hash), !!extractable, usagesOf(usages));
    }
    async generateKey(algorithm, extractable, usages) {
      checkHmac(algorithm);
      const hash = hashOf(algorithm.hash);
      const length = algorithm.length === undefined ? BLOCKS[hash] : algorithm.length / 8;
      if (!Number.isInteger(length) || length < 1 || length > 1024) {
        throw new DOMException("The length of a key is whole bytes, 8 to 8,192 bits.", "OperationError");
      }
      return new CryptoKey(natives.randomBytes(length), hash, !!extractable, usagesOf(usages));
    }
    async exportKey(format, key) {
      const found = keys.get(key);
      if (!found) throw new TypeError("This is no CryptoKey.");
      if (!key.extractable) throw new DOMException("The key isn't extractable.", "InvalidAccessError");
      if (format === "raw") return found.bytes.slice(0);
      if (format !== "jwk") throw unsupported(`The format ${format}`);
      const alg = `HS${found.hash.slice(4)}`;
      return { kty: "oct", k: base64url(found.bytes), alg, ext: true, key_ops: key.usages };
    }
    async sign(algorithm, key, data) {
      checkHmac(algorithm);
      const { bytes, hash } = keyFor(key, "sign");
      return natives.hmac(hash, bytes, copy(data));
    }
    async verify(algorithm, key, signature, data) {
      checkHmac(algorithm);
      const { bytes, hash } = keyFor(key, "verify");
      return natives.hmacVerify(hash, bytes, copy(data), copy(signature));
    }
  }

  const INTEGERS = [
    Int8Array,
    Uint8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    BigInt64Array,
    BigUint64Array,
  ];

  class Crypto {
    #subtle = new SubtleCrypto();
    get subtle() {
      return this.#subtle;
    }
    getRandomValues(array) {
      if (!INTEGERS.some((kind) => array instanceof kind)) {
        throw new DOMException("Random values are put into an array of integers.", "TypeMismatchError");
      }
      if (array.byteLength > 65536) throw new DOMException("At most 65,536 bytes at once.", "QuotaExceededError");
      const bytes = new Uint8Array(natives.randomBytes(array.byteLength));
      new Uint8Array(array.buffer, array.byteOffset, array.byteLength).set(bytes);
      return array;
    }
    randomUUID() {
      const bytes = new Uint8Array(natives.randomBytes(16));
      bytes[6] = (bytes[6] & 0x0f) | 0x40;
      bytes[8] = (bytes[8] & 0x3f) | 0x80;
      const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
      return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
    }
  }

  /** A document's id in the server's own form: milliseconds, then chance, in base 32. */
  function newId() {
    const bytes = new Uint8Array(natives.randomBytes(15));
    let time = Date.now();
    for (let place = 5; place >= 0; place--) {
      bytes[place] = time % 256;
      time = Math.floor(time / 256);
    }
    let [text, bits, count] = ["", 0, 0];
    for (const byte of bytes) {
      bits = (bits << 8) | byte;
      for (count += 8; count >= 5; count -= 5) text += "0123456789abcdefghijklmnopqrstuv"[(bits >> (count - 5)) & 31];
      bits &= 31;
    }
    return text;
  }

  return { crypto: new Crypto(), CryptoKey, newId };
}
