//! Refuses what lies in itself too deep, before the validator reads it: it reads types by recursion, and a megabyte of
//! nothing but opening brackets would take the stack, and with it the host.

use wasmparser::{BinaryReader, ComponentType, ComponentTypeDeclaration, InstanceTypeDeclaration, Parser, Payload};

/// Deepest nesting of components, and of their types. The validator's own limit for types, which comes too late there; a
/// linked guest is four deep.
const MAX_DEPTH: usize = 100;

/// The first byte of a component's type.
const COMPONENT: u8 = 0x41;
/// The first byte of an instance's type.
const INSTANCE: u8 = 0x42;
/// The first byte of a declaration, in one of these two, that is a type of its own.
const DECLARES_TYPE: u8 = 0x01;

/// Walks over every section of component types, inner components' included.
pub(super) fn check(wasm: &[u8]) -> Result<(), String> {
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.map_err(text)? {
            // Reading these is no recursion, but the validator keeps a kilobyte for each that is open.
            Payload::ModuleSection { unchecked_range: range, .. }
            | Payload::ComponentSection { unchecked_range: range, .. } => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(too_deep("components", range.start));
                }
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentTypeSection(section) => {
                let range = section.range();
                walk(BinaryReader::new(wasm.get(range.clone()).unwrap_or_default(), range.start))?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn too_deep(what: &str, at: usize) -> String {
    format!("{what} lie in one another more than {MAX_DEPTH} deep (at offset {at:#x})")
}

/// What a declaration is read within.
#[derive(Clone, Copy)]
enum Within {
    /// The section itself, which holds types and nothing else.
    Section,
    /// A component's type.
    Component,
    /// An instance's type.
    Instance,
}

/// Reads a section from its count on. What cannot hold further types is left to the parser's own readers.
fn walk(mut reader: BinaryReader<'_>) -> Result<(), String> {
    // How many declarations are left at each depth.
    let mut open = vec![(Within::Section, reader.read_var_u32().map_err(text)?)];
    while let Some((within, left)) = open.last_mut() {
        let within = *within;
        let Some(fewer) = left.checked_sub(1) else {
            open.pop();
            continue;
        };
        *left = fewer;
        if !matches!(within, Within::Section) {
            if next(&reader)? != DECLARES_TYPE {
                skip_declaration(&mut reader, within).map_err(text)?;
                continue;
            }
            reader.read_u8().map_err(text)?;
        }
        let inner = match next(&reader)? {
            COMPONENT => Within::Component,
            INSTANCE => Within::Instance,
            _ => {
                reader.read::<ComponentType<'_>>().map_err(text)?;
                continue;
            }
        };
        if open.len() > MAX_DEPTH {
            return Err(too_deep("types", reader.original_position()));
        }
        reader.read_u8().map_err(text)?;
        open.push((inner, reader.read_var_u32().map_err(text)?));
    }
    Ok(())
}

/// Skips what declares no type: an import, an export, an alias or a core type, which hold none of a component.
fn skip_declaration(reader: &mut BinaryReader<'_>, within: Within) -> wasmparser::Result<()> {
    match within {
        Within::Instance => reader.read::<InstanceTypeDeclaration<'_>>().map(drop),
        Within::Component | Within::Section => reader.read::<ComponentTypeDeclaration<'_>>().map(drop),
    }
}

fn next(reader: &BinaryReader<'_>) -> Result<u8, String> {
    reader.clone().read_u8().map_err(text)
}

fn text(error: wasmparser::Error) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::{COMPONENT, DECLARES_TYPE, INSTANCE, MAX_DEPTH, check};

    const HEADER: &[u8] = b"\0asm\x0d\0\x01\0";

    /// Appends a section, with its size where it belongs.
    fn section(wasm: &mut Vec<u8>, id: u8, content: &[u8]) {
        wasm.push(id);
        let mut size = content.len();
        loop {
            let low = u8::try_from(size & 0x7f).expect("seven bits");
            size >>= 7;
            wasm.push(if size == 0 { low } else { low | 0x80 });
            if size == 0 {
                break;
            }
        }
        wasm.extend(content);
    }

    /// A component with one type of that many levels, each but the innermost holding one other.
    fn nested_types(depth: usize, kind: u8) -> Vec<u8> {
        let mut types = vec![1];
        for _ in 1..depth {
            types.extend([kind, 1, DECLARES_TYPE]);
        }
        types.extend([kind, 0]);
        let mut wasm = HEADER.to_vec();
        section(&mut wasm, 7, &types);
        wasm
    }

    /// A component in a component, that many deep.
    fn nested_components(depth: usize) -> Vec<u8> {
        (0..depth).fold(HEADER.to_vec(), |inner, _| {
            let mut outer = HEADER.to_vec();
            section(&mut outer, 4, &inner);
            outer
        })
    }

    #[test]
    fn types_nested_without_end_are_refused_before_anything_recurses() {
        for kind in [COMPONENT, INSTANCE] {
            check(&nested_types(MAX_DEPTH, kind)).expect("deep, and no deeper than allowed");
            for depth in [MAX_DEPTH + 1, 5_000_000] {
                let refused = check(&nested_types(depth, kind)).expect_err("too deep");
                assert!(refused.contains("types lie in one another more than 100 deep"), "{refused}");
            }
        }
    }

    #[test]
    fn components_nested_without_end_are_refused_too() {
        check(&nested_components(MAX_DEPTH)).expect("deep, and no deeper than allowed");
        for depth in [MAX_DEPTH + 1, 5_000] {
            let refused = check(&nested_components(depth)).expect_err("too deep");
            assert!(refused.contains("components lie in one another more than 100 deep"), "{refused}");
        }
    }
}
