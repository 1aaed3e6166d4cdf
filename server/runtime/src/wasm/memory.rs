//! Texts in a guest's memory. Where they lie is the guest's word, which isn't believed.

use wasmtime::{AsContext, AsContextMut, Caller, Extern, Instance, Memory, Result, TypedFunc, format_err};

use super::guest::{ALLOCATE, Guest, MEMORY};

/// A pointer and a length in one number, as calls give them back.
pub(super) fn pack(pointer: u32, length: u32) -> i64 {
    (u64::from(pointer) << 32 | u64::from(length)).cast_signed()
}

pub(super) fn unpack(packed: i64) -> (u32, u32) {
    let [a, b, c, d, low @ ..] = packed.to_be_bytes();
    (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes(low))
}

/// What of a guest is needed to exchange texts with it.
pub(super) struct Window {
    memory: Memory,
    allocate: TypedFunc<u32, u32>,
}

impl Window {
    pub(super) fn of(instance: &Instance, mut store: impl AsContextMut) -> Result<Self> {
        let memory = instance.get_memory(&mut store, MEMORY).ok_or_else(|| format_err!("no memory"))?;
        let allocate = instance.get_typed_func(&mut store, ALLOCATE)?;
        Ok(Self { memory, allocate })
    }

    /// From within a call of the host.
    pub(super) fn of_caller(caller: &mut Caller<'_, Guest>) -> Result<Self> {
        let memory = caller.get_export(MEMORY).and_then(Extern::into_memory);
        let allocate = caller.get_export(ALLOCATE).and_then(Extern::into_func);
        let memory = memory.ok_or_else(|| format_err!("no memory"))?;
        let allocate = allocate.ok_or_else(|| format_err!("no {ALLOCATE}"))?.typed(&mut *caller)?;
        Ok(Self { memory, allocate })
    }

    pub(super) fn read(&self, store: impl AsContext, pointer: u32, length: u32) -> Result<Vec<u8>> {
        let (start, length) = (pointer as usize, length as usize);
        let data = self.memory.data(&store);
        let bytes = data.get(start..start.saturating_add(length));
        bytes.map(<[u8]>::to_vec).ok_or_else(|| format_err!("{length} bytes at {start} aren't in the memory"))
    }

    /// Where it is then.
    pub(super) fn write(&self, mut store: impl AsContextMut, text: &[u8]) -> Result<(u32, u32)> {
        let length = u32::try_from(text.len())?;
        let pointer = self.allocate.call(&mut store, length)?;
        self.memory.write(&mut store, pointer as usize, text)?;
        Ok((pointer, length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_unpacked() {
        for pair in [(0, 0), (1, 2), (u32::MAX, u32::MAX), (1 << 31, 7)] {
            assert_eq!(unpack(pack(pair.0, pair.1)), pair);
        }
    }
}
