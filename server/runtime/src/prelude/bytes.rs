//! Bytes, text and hashes for the prelude, where JavaScript would be slow or wrong.

#![expect(clippy::needless_pass_by_value, reason = "what JavaScript passes comes as values")]

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit, Mac};
use rquickjs::{ArrayBuffer, Ctx, Exception, Function, Object, Result};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

/// As `atob` reads it: padding may be left out, and bits that don't fit are ignored.
const FORGIVING: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// - `utf8Encode(text) → ArrayBuffer`, `utf8Decode(buffer, offset, length, fatal) → string | null`
/// - `base64Encode(buffer) → string`, `base64Decode(text) → ArrayBuffer | null`
/// - `digest(name, buffer) → ArrayBuffer`, `hmac(name, key, data) → ArrayBuffer`,
///   `hmacVerify(name, key, data, signature) → boolean`; names are `SHA-1`, `SHA-256`, `SHA-384`, `SHA-512`
pub(super) fn define<'js>(ctx: &Ctx<'js>, natives: &Object<'js>) -> Result<()> {
    natives.set("utf8Encode", Function::new(ctx.clone(), utf8_encode)?)?;
    natives.set("utf8Decode", Function::new(ctx.clone(), utf8_decode)?)?;
    natives.set("base64Encode", Function::new(ctx.clone(), base64_encode)?)?;
    natives.set("base64Decode", Function::new(ctx.clone(), base64_decode)?)?;
    natives.set("digest", Function::new(ctx.clone(), digest)?)?;
    natives.set("hmac", Function::new(ctx.clone(), hmac)?)?;
    natives.set("hmacVerify", Function::new(ctx.clone(), hmac_verify)?)
}

/// The bytes of a buffer, or `None` of one that was transferred.
#[expect(unsafe_code, reason = "the engine's memory is looked at without running JavaScript meanwhile")]
fn with<R>(buffer: &ArrayBuffer<'_>, look: impl FnOnce(&[u8]) -> R) -> R {
    look(unsafe { buffer.as_bytes() }.unwrap_or_default())
}

fn utf8_encode(ctx: Ctx<'_>, text: String) -> Result<ArrayBuffer<'_>> {
    ArrayBuffer::new_copy(ctx, text.as_bytes())
}

fn utf8_decode(buffer: ArrayBuffer<'_>, offset: usize, length: usize, fatal: bool) -> Option<String> {
    with(&buffer, |bytes| {
        let bytes = bytes.get(offset..offset.saturating_add(length))?;
        if fatal {
            return std::str::from_utf8(bytes).ok().map(str::to_owned);
        }
        Some(String::from_utf8_lossy(bytes).into_owned())
    })
}

fn base64_encode(buffer: ArrayBuffer<'_>) -> String {
    with(&buffer, |bytes| FORGIVING.encode(bytes))
}

fn base64_decode(ctx: Ctx<'_>, text: String) -> Result<Option<ArrayBuffer<'_>>> {
    let Ok(bytes) = FORGIVING.decode(text.as_bytes()) else {
        return Ok(None);
    };
    ArrayBuffer::new_copy(ctx, bytes).map(Some)
}

fn digest<'js>(ctx: Ctx<'js>, name: String, buffer: ArrayBuffer<'js>) -> Result<ArrayBuffer<'js>> {
    let hash = with(&buffer, |bytes| match name.as_str() {
        "SHA-1" => Some(Sha1::digest(bytes).to_vec()),
        "SHA-256" => Some(Sha256::digest(bytes).to_vec()),
        "SHA-384" => Some(Sha384::digest(bytes).to_vec()),
        "SHA-512" => Some(Sha512::digest(bytes).to_vec()),
        _ => None,
    });
    let hash = hash.ok_or_else(|| unknown(&ctx, &name))?;
    ArrayBuffer::new_copy(ctx, hash)
}

fn hmac<'js>(ctx: Ctx<'js>, name: String, key: ArrayBuffer<'js>, data: ArrayBuffer<'js>) -> Result<ArrayBuffer<'js>> {
    let signature = with(&key, |key| with(&data, |data| signature(&name, key, data, None).map(|(signed, _)| signed)));
    let signature = signature.ok_or_else(|| unknown(&ctx, &name))?;
    ArrayBuffer::new_copy(ctx, signature)
}

fn hmac_verify<'js>(
    ctx: Ctx<'js>,
    name: String,
    key: ArrayBuffer<'js>,
    data: ArrayBuffer<'js>,
    given: ArrayBuffer<'js>,
) -> Result<bool> {
    let verdict = with(&key, |key| {
        with(&data, |data| with(&given, |given| signature(&name, key, data, Some(given)).map(|(_, equal)| equal)))
    });
    verdict.ok_or_else(|| unknown(&ctx, &name))
}

/// The signature, and whether it is the given one, told in constant time.
fn signature(name: &str, key: &[u8], data: &[u8], given: Option<&[u8]>) -> Option<(Vec<u8>, bool)> {
    match name {
        "SHA-1" => signed::<Hmac<Sha1>>(key, data, given),
        "SHA-256" => signed::<Hmac<Sha256>>(key, data, given),
        "SHA-384" => signed::<Hmac<Sha384>>(key, data, given),
        "SHA-512" => signed::<Hmac<Sha512>>(key, data, given),
        _ => None,
    }
}

fn signed<M: Mac + KeyInit>(key: &[u8], data: &[u8], given: Option<&[u8]>) -> Option<(Vec<u8>, bool)> {
    let fresh = || <M as KeyInit>::new_from_slice(key).ok().map(|mac| mac.chain_update(data));
    let equal = match given {
        Some(given) => fresh()?.verify_slice(given).is_ok(),
        None => false,
    };
    Some((fresh()?.finalize().into_bytes().to_vec(), equal))
}

fn unknown(ctx: &Ctx<'_>, name: &str) -> rquickjs::Error {
    Exception::throw_type(ctx, &format!("The algorithm {name:?} doesn't exist here."))
}
