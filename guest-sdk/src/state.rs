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
    /// Stands for the layout where the name of the type does not: a state within a state can change without its name.
    const LAYOUT: u32 = 0;

    /// How many bytes this value takes.
    fn size(&self) -> usize;

    /// Puts the value at the front of a slice that has room for it, and leaves the rest of it.
    fn write(&self, out: &mut &mut [u8]);

    /// Takes a value from the front; `None` where there are too few bytes or impossible ones.
    fn read(from: &mut &[u8]) -> Option<Self>;
}

/// Defines a state: a struct with a name and version for its layout, whose fields are written and read in order.
///
/// Fields can be numbers, `bool`, `Option` of those, `Vec` of numbers, other states, and arrays of any of these. Changing a
/// field's name or type changes the layout by itself, in a state within a state too; raise the version when the meaning of
/// the same fields changes.
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
            const TAG: u32 = $crate::state::tag_with(
                $crate::state::tag(concat!(
                    $name, "/", $version, $(";", stringify!($field), ":", stringify!($type)),*
                )),
                &[$(<$type as $crate::state::Field>::LAYOUT),*],
            );

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
    let size = HEADER + State::size(state);
    // Exactly, so that the list crosses the boundary without being copied into a smaller place first.
    bytes.reserve_exact(size.saturating_sub(bytes.len()));
    bytes.resize(size, 0);
    let (header, fields) = bytes.split_at_mut(HEADER);
    State::write(state, &mut &mut *fields);
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
    match <S as State>::read(&mut fields) {
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

/// A tag and the layouts of the fields that have one of their own. Public for [`state!`](crate::state!).
#[doc(hidden)]
pub const fn tag_with(tag: u32, layouts: &[u32]) -> u32 {
    let mut hash = tag;
    let mut i = 0;
    while i < layouts.len() {
        if layouts[i] != 0 {
            hash = (hash.rotate_left(5) ^ layouts[i]).wrapping_mul(0x0100_0193);
        }
        i += 1;
    }
    hash
}

/// Finds damage, not forgery. Four independent chains keep the multiplier busy and each takes two words at a time: one
/// chain of single words would cost more than the rest of the call. A changed word always changes its chain, and the turn
/// before the multiplication spreads a change at the top of a word, which multiplying would leave where it is.
fn checksum(bytes: &[u8]) -> u32 {
    let (blocks, rest) = bytes.as_chunks::<64>();
    let [mut a, mut b, mut c, mut d] = [0_u64; 4];
    for block in blocks {
        let (words, _) = block.as_chunks::<8>();
        let &[a1, a2, b1, b2, c1, c2, d1, d2] = words else { continue };
        a = with_pair(a, a1, a2);
        b = with_pair(b, b1, b2);
        c = with_pair(c, c1, c2);
        d = with_pair(d, d1, d2);
    }
    let chains = [a, b, c, d];
    let mut sum = bytes.len() as u64;
    for chain in chains {
        sum = mixed(sum, chain ^ (chain >> 32));
    }
    let (words, rest) = rest.as_chunks::<8>();
    for word in words {
        sum = mixed(sum, u64::from_le_bytes(*word));
    }
    for byte in rest {
        sum = mixed(sum, u64::from(*byte));
    }
    (sum ^ (sum >> 32)) as u32
}

/// The golden ratio's fraction in 64 bits, made odd: multiplying by it loses nothing.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

fn with_pair(chain: u64, first: [u8; 8], second: [u8; 8]) -> u64 {
    let turned = (chain ^ u64::from_le_bytes(first)).rotate_left(23);
    turned.wrapping_mul(FACTOR).wrapping_add(u64::from_le_bytes(second))
}

fn mixed(sum: u64, word: u64) -> u64 {
    (sum.rotate_left(23) ^ word).wrapping_mul(FACTOR)
}

/// Takes so many bytes from the front. They are there: `size` is what the slice was made by.
fn take<'a>(from: &mut &'a mut [u8], len: usize) -> &'a mut [u8] {
    let (front, rest) = std::mem::take(from).split_at_mut(len);
    *from = rest;
    front
}

// Lists are copied as they lie in memory, number by number would cost more than most detectors.
#[cfg(target_endian = "big")]
compile_error!("the bytes of a state are little-endian, as WebAssembly is");

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
                let block: &[u8] = bytemuck::cast_slice(self);
                take(out, block.len()).copy_from_slice(block);
            }

            fn read(from: &mut &[u8]) -> Option<Self> {
                let len = usize::try_from(u32::read(from)?).ok()?;
                let (block, rest) = from.split_at_checked(len.checked_mul(size_of::<$number>())?)?;
                *from = rest;
                let mut numbers = vec![<$number>::default(); len];
                bytemuck::cast_slice_mut(&mut numbers).copy_from_slice(block);
                Some(numbers)
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

impl<S: State> Field for S {
    const LAYOUT: u32 = S::TAG;

    fn size(&self) -> usize {
        State::size(self)
    }

    fn write(&self, out: &mut &mut [u8]) {
        State::write(self, out);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        <S as State>::read(from)
    }
}

impl<F: Field + Default, const N: usize> Field for [F; N] {
    const LAYOUT: u32 = F::LAYOUT;

    fn size(&self) -> usize {
        self.iter().map(Field::size).sum()
    }

    fn write(&self, out: &mut &mut [u8]) {
        self.iter().for_each(|field| field.write(out));
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        let mut fields: [F; N] = std::array::from_fn(|_| F::default());
        for field in &mut fields {
            *field = F::read(from)?;
        }
        Some(fields)
    }
}

impl<F: Field> Field for Option<F> {
    const LAYOUT: u32 = F::LAYOUT;

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

#[cfg(test)]
mod tests {
    use super::*;

    crate::state! {
        #[derive(Debug, Clone, PartialEq)]
        struct Everything("everything", 1) {
            a: u8,
            b: bool,
            c: Option<f64>,
            d: Vec<f64>,
            e: Vec<f32>,
            f: Vec<u8>,
            g: i64,
            h: Option<bool>,
        }
    }

    fn example(len: usize) -> Everything {
        Everything {
            a: 200,
            b: true,
            c: Some(f64::NEG_INFINITY),
            d: (0..len).map(|i| i as f64 / 3.0).collect(),
            e: vec![f32::MAX, -0.0, 1e-40],
            f: (0..len).map(|i| i as u8).collect(),
            g: i64::MIN,
            h: None,
        }
    }

    #[test]
    fn comes_back_as_it_was_and_no_larger_than_its_content() {
        for len in [0, 1, 7, 8, 100, 480] {
            let state = example(len);
            let bytes = to_bytes(&state, vec![]);
            assert_eq!(bytes.len(), HEADER + 1 + 1 + 9 + (4 + 8 * len) + (4 + 12) + (4 + len) + 8 + 1);
            assert_eq!(bytes.capacity(), bytes.len(), "the list would be copied once more");
            assert_eq!(from_bytes::<Everything>(&bytes), Ok(state.clone()));
            // Into bytes that are longer, shorter and just right.
            for used in [vec![9; 5000], vec![9; 3], bytes.clone()] {
                assert_eq!(to_bytes(&state, used), bytes);
            }
        }
    }

    #[test]
    fn any_damage_is_refused() {
        let bytes = to_bytes(&example(60), vec![]);
        for len in 0..bytes.len() {
            assert!(from_bytes::<Everything>(&bytes[..len]).is_err(), "cut to {len}");
        }
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(from_bytes::<Everything>(&flipped).is_err(), "bit {bit} flipped");
        }
        for (first, second) in [(8, 16), (20, 28), (80, 400), (100, 164), (40, 48), (48, 56), (104, 168)] {
            let mut swapped = bytes.clone();
            for i in 0..8 {
                swapped.swap(first + i, second + i);
            }
            assert!(from_bytes::<Everything>(&swapped).is_err(), "words at {first} and {second} swapped");
        }
    }

    #[test]
    fn bytes_that_pass_the_checksum_are_still_not_trusted() {
        // A length that asks for more than there is, and bools that are neither.
        let impossible: [&[u8]; 4] =
            [&[0, 2], &[0, 1, 2], &[0, 1, 0, 0xff, 0xff, 0xff, 0xff], &[0, 1, 0, 1, 0, 0, 0x20, 0, 0, 0, 0]];
        for fields in impossible {
            let mut bytes = Everything::TAG.to_le_bytes().to_vec();
            bytes.extend(checksum(fields).to_le_bytes());
            bytes.extend(fields);
            let refusal = from_bytes::<Everything>(&bytes).expect_err("impossible fields");
            assert!(refusal.contains("do not add up"), "{fields:?}: {refusal}");
        }
    }

    #[test]
    fn states_within_states_come_back_and_carry_their_layout() {
        mod old {
            crate::state! { #[derive(Debug, Clone, Copy, Default, PartialEq)] pub(super) struct Part("part", 1) { pub(super) a: f32 } }
            crate::state! { pub(super) struct Whole("whole", 1) { pub(super) parts: [Part; 3], pub(super) list: Vec<u16> } }
        }
        mod new {
            crate::state! { #[derive(Debug, Clone, Copy, Default, PartialEq)] pub(super) struct Part("part", 2) { pub(super) a: f32 } }
            crate::state! { pub(super) struct Whole("whole", 1) { pub(super) parts: [Part; 3], pub(super) list: Vec<u16> } }
        }
        let parts = [1.0, 2.0, 3.0].map(|a| old::Part { a });
        let bytes = to_bytes(&old::Whole { parts, list: vec![7] }, vec![]);
        assert_eq!(bytes.len(), HEADER + 3 * 4 + 4 + 2);
        let back = from_bytes::<old::Whole>(&bytes).expect("its own bytes");
        assert_eq!((back.parts, back.list), (parts, vec![7]));
        assert!(from_bytes::<new::Whole>(&bytes).is_err_and(|why| why.contains("another version")));
        let cut: &[u8] = &[0; 11];
        assert!(<[f32; 3] as Field>::read(&mut &*cut).is_none());
    }

    #[test]
    fn another_layout_has_another_tag() {
        mod others {
            crate::state! { pub(super) struct Version("everything", 2) { a: u8 } }
            crate::state! { pub(super) struct Name("anything", 1) { a: u8 } }
            crate::state! { pub(super) struct Field("everything", 1) { b: u8 } }
            crate::state! { pub(super) struct Type("everything", 1) { a: i8 } }
            crate::state! { pub(super) struct Same("everything", 1) { pub(super) a: u8 } }
        }
        crate::state! { struct One("everything", 1) { a: u8 } }
        let bytes = to_bytes(&One { a: 1 }, vec![]);
        fn refused<S: State>(bytes: &[u8]) -> bool {
            from_bytes::<S>(bytes).is_err_and(|why| why.contains("another version"))
        }
        assert!(refused::<others::Version>(&bytes));
        assert!(refused::<others::Name>(&bytes));
        assert!(refused::<others::Field>(&bytes));
        assert!(refused::<others::Type>(&bytes));
        assert_eq!(from_bytes::<others::Same>(&bytes).map(|state| state.a), Ok(1));
    }
}
