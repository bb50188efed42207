//! Detector state as bytes: small, quick to read and write, and never mistaken for something else.
//!
//! The bytes open with a tag made from the state's name, version, and the names and types of its fields, so that the
//! bytes of another detector or an older layout are refused; then comes a checksum, so that damage is refused; then the
//! fields in order, little-endian, lists as a length and a block. Nothing here may panic on bytes, whatever they are.

use std::mem::size_of;

/// What a detector carries from sample to sample. Implemented by [`state!`](crate::state!).
pub trait State: Sized {
    /// Stands for the name, version and fields of this layout.
    const TAG: u32;

    /// How many bytes the fields take.
    fn size(&self) -> usize;

    /// Puts the fields at the front of a slice that has room for them, and leaves the rest of it.
    fn write(&self, out: &mut &mut [u8]);

    /// Takes the fields from the front; `None` where there are too few bytes or impossible ones.
    fn read(from: &mut &[u8]) -> Option<Self>;
}

/// A type that a field of a state can have.
pub trait Field: Sized {
    /// How many bytes this value takes.
    fn size(&self) -> usize;

    /// Puts the value at the front of a slice that has room for it, and leaves the rest of it.
    fn write(&self, out: &mut &mut [u8]);

    /// Takes a value from the front; `None` where there are too few bytes or impossible ones.
    fn read(from: &mut &[u8]) -> Option<Self>;
}

/// Defines a state: a struct with a name and version for its layout, whose fields are written and read in order.
///
/// Fields can be numbers, `bool`, `Option` of those, and `Vec` of numbers. Changing a field's name or type changes the
/// layout by itself; raise the version when the meaning of the same fields changes.
///
/// ```
/// tidegate_guest::state! {
///     /// A running mean.
///     pub struct Mean("mean", 1) {
///         /// How many samples it is made of.
///         count: u64,
///         /// Their mean.
///         mean: f64,
///     }
/// }
/// ```
#[macro_export]
macro_rules! state {
    (
        $(#[$attribute:meta])*
        $visibility:vis struct $state:ident($name:literal, $version:literal) {
            $($(#[$field_attribute:meta])* $field_visibility:vis $field:ident: $type:ty),* $(,)?
        }
    ) => {
        $(#[$attribute])*
        $visibility struct $state {
            $($(#[$field_attribute])* $field_visibility $field: $type),*
        }

        impl $crate::state::State for $state {
            const TAG: u32 = $crate::state::tag(concat!(
                $name, "/", $version, $(";", stringify!($field), ":", stringify!($type)),*
            ));

            fn size(&self) -> usize {
                0 $(+ $crate::state::Field::size(&self.$field))*
            }

            fn write(&self, out: &mut &mut [u8]) {
                $($crate::state::Field::write(&self.$field, out);)*
            }

            fn read(from: &mut &[u8]) -> Option<Self> {
                // Struct expressions are evaluated in the order they are written in.
                Some($state { $($field: $crate::state::Field::read(from)?),* })
            }
        }
    };
}

/// Tag and checksum.
const HEADER: usize = 8;

/// Writes a state, into the bytes it was read from: a state rarely changes its size, and then nothing is allocated.
pub(crate) fn to_bytes<S: State>(state: &S, mut bytes: Vec<u8>) -> Vec<u8> {
    let size = HEADER + state.size();
    // Exactly, so that the list crosses the boundary without being copied into a smaller place first.
    bytes.reserve_exact(size.saturating_sub(bytes.len()));
    bytes.resize(size, 0);
    let (header, fields) = bytes.split_at_mut(HEADER);
    state.write(&mut &mut *fields);
    header[..4].copy_from_slice(&S::TAG.to_le_bytes());
    header[4..].copy_from_slice(&checksum(fields).to_le_bytes());
    bytes
}

/// Reads a state, or says why these bytes are not one.
pub(crate) fn from_bytes<S: State>(bytes: &[u8]) -> Result<S, String> {
    let Some((header, mut fields)) = bytes.split_at_checked(HEADER) else {
        return Err(format!("state: only {} bytes, too short to be a state", bytes.len()));
    };
    let (tag, sum) = header.split_at(4);
    if tag != S::TAG.to_le_bytes() {
        return Err("state: written by another detector or another version of this one".to_owned());
    }
    if sum != checksum(fields).to_le_bytes() {
        return Err(format!("state: damaged, the checksum over its {} bytes does not match", bytes.len()));
    }
    match S::read(&mut fields) {
        Some(state) if fields.is_empty() => Ok(state),
        _ => Err(format!("state: its {} bytes do not add up to the fields of this layout", bytes.len())),
    }
}

/// FNV-1a (Fowler, Noll, Vo 1991), 32 bits. Public for [`state!`](crate::state!).
#[doc(hidden)]
pub const fn tag(text: &str) -> u32 {
    let bytes = text.as_bytes();
    let mut hash = 0x811c_9dc5_u32;
    let mut i = 0;
    while i < bytes.len() {
        hash = (hash ^ bytes[i] as u32).wrapping_mul(0x0100_0193);
        i += 1;
    }
    hash
}

/// Finds damage, not forgery. Eight independent chains keep the multiplier busy: a chain alone would cost more than the
/// rest of the call. Each step is a bijection of its word, so one changed word always changes its chain.
fn checksum(bytes: &[u8]) -> u32 {
    const PRIME: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut chains = [PRIME; 8];
    let (blocks, rest) = bytes.as_chunks::<64>();
    for block in blocks {
        let (words, _) = block.as_chunks::<8>();
        for (chain, word) in chains.iter_mut().zip(words) {
            *chain = (*chain ^ u64::from_le_bytes(*word)).wrapping_mul(PRIME);
        }
    }
    let (words, rest) = rest.as_chunks::<8>();
    for (chain, word) in chains.iter_mut().zip(words) {
        *chain = (*chain ^ u64::from_le_bytes(*word)).wrapping_mul(PRIME);
    }
    let mut sum = bytes.len() as u64;
    for chain in chains {
        sum = (sum.rotate_left(23) ^ chain ^ (chain >> 32)).wrapping_mul(PRIME);
    }
    for byte in rest {
        sum = (sum.rotate_left(23) ^ u64::from(*byte)).wrapping_mul(PRIME);
    }
    (sum ^ (sum >> 32)) as u32
}

/// Takes so many bytes from the front. They are there: `size` is what the slice was made by.
fn take<'a>(from: &mut &'a mut [u8], len: usize) -> &'a mut [u8] {
    let (front, rest) = std::mem::take(from).split_at_mut(len);
    *from = rest;
    front
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl Field for $number {
            fn size(&self) -> usize {
                size_of::<$number>()
            }

            fn write(&self, out: &mut &mut [u8]) {
                take(out, size_of::<$number>()).copy_from_slice(&self.to_le_bytes());
            }

            fn read(from: &mut &[u8]) -> Option<Self> {
                let (number, rest) = from.split_first_chunk()?;
                *from = rest;
                Some(<$number>::from_le_bytes(*number))
            }
        }

        impl Field for Vec<$number> {
            fn size(&self) -> usize {
                size_of::<u32>() + self.len() * size_of::<$number>()
            }

            fn write(&self, out: &mut &mut [u8]) {
                // A length beyond 32 bits does not fit into the memory of a guest.
                (self.len() as u32).write(out);
                // This loop and the one below compile to one copy of memory each.
                let (places, _) = take(out, self.len() * size_of::<$number>()).as_chunks_mut();
                for (place, number) in places.iter_mut().zip(self) {
                    *place = number.to_le_bytes();
                }
            }

            fn read(from: &mut &[u8]) -> Option<Self> {
                let len = usize::try_from(u32::read(from)?).ok()?;
                let (block, rest) = from.split_at_checked(len.checked_mul(size_of::<$number>())?)?;
                *from = rest;
                let (numbers, _) = block.as_chunks();
                Some(numbers.iter().map(|number| <$number>::from_le_bytes(*number)).collect())
            }
        }
    )*};
}

numbers!(u8, u16, u32, u64, i8, i16, i32, i64, f32, f64);

impl Field for bool {
    fn size(&self) -> usize {
        1
    }

    fn write(&self, out: &mut &mut [u8]) {
        u8::from(*self).write(out);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        match u8::read(from)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl<F: Field> Field for Option<F> {
    fn size(&self) -> usize {
        1 + self.as_ref().map_or(0, Field::size)
    }

    fn write(&self, out: &mut &mut [u8]) {
        self.is_some().write(out);
        if let Some(value) = self {
            value.write(out);
        }
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        if bool::read(from)? { F::read(from).map(Some) } else { Some(None) }
    }
}
