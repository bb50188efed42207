//! Where this machine gets its packages from, read from apt's own sources, and the same place with another suite.
//!
//! So no archive is named here: a mirror, a proxy or a company's copy goes on being used.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

const SOURCES: &str = "/etc/apt/sources.list";
const MORE_SOURCES: &str = "/etc/apt/sources.list.d";

/// An archive, as one entry of apt's sources describes it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Archive {
    /// `deb [OPTIONS] URI SUITE COMPONENT...`: options with their brackets, and the URI.
    Line { options: String, uri: String },
    /// A paragraph of fields: the first URI, and the key that signs, where it is named.
    Paragraph { uri: String, signed_by: Option<String> },
}

impl Archive {
    /// The one with this machine's own release: the first that holds its suite, and not just updates of it.
    pub(super) fn of_this_machine() -> anyhow::Result<Archive> {
        let about = "/etc/os-release";
        let text = fs::read_to_string(about).with_context(|| format!("cannot read {about}"))?;
        let Some(suite) = text.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME=")) else {
            bail!("{about} does not name the suite of this machine");
        };
        let suite = suite.trim_matches('"');
        for file in source_files()? {
            let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
            let found = match file.extension() {
                Some(extension) if extension == "sources" => in_paragraphs(&text, suite),
                _ => in_lines(&text, suite),
            };
            if let Some(archive) = found {
                return Ok(archive);
            }
        }
        bail!("no entry of {SOURCES} and {MORE_SOURCES} holds the main packages of {suite}");
    }

    /// Writes a file into `folder` that names this archive with the main packages of `suite`.
    pub(super) fn source_file(&self, suite: &str, folder: &Path) -> anyhow::Result<PathBuf> {
        let (name, text) = match self {
            Archive::Line { options, uri } => ("archive.list", format!("deb {options} {uri} {suite} main\n")),
            Archive::Paragraph { uri, signed_by } => {
                let signed_by = signed_by.as_ref().map(|key| format!("Signed-By:{key}\n")).unwrap_or_default();
                ("archive.sources", format!("Types: deb\nURIs: {uri}\nSuites: {suite}\nComponents: main\n{signed_by}"))
            }
        };
        let file = folder.join(name);
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        Ok(file)
    }
}

/// In the order in which apt reads them.
fn source_files() -> anyhow::Result<Vec<PathBuf>> {
    let mut more = Vec::new();
    if Path::new(MORE_SOURCES).is_dir() {
        for entry in fs::read_dir(MORE_SOURCES).with_context(|| format!("cannot list {MORE_SOURCES}"))? {
            more.push(entry.with_context(|| format!("cannot list {MORE_SOURCES}"))?.path());
        }
    }
    more.retain(|file| file.extension().is_some_and(|extension| extension == "list" || extension == "sources"));
    more.sort();
    let first = Some(PathBuf::from(SOURCES)).filter(|file| file.is_file());
    Ok(first.into_iter().chain(more).collect())
}

fn in_lines(text: &str, suite: &str) -> Option<Archive> {
    text.lines().find_map(|line| {
        let rest = line.split('#').next()?.trim().strip_prefix("deb")?;
        let rest = rest.strip_prefix(char::is_whitespace)?.trim_start();
        let (options, rest) = match rest.strip_prefix('[') {
            Some(rest) => rest.split_once(']').map(|(options, rest)| (format!("[{options}]"), rest))?,
            None => (String::new(), rest),
        };
        let mut words = rest.split_whitespace();
        let (uri, of) = (words.next()?, words.next()?);
        let is_it = of == suite && words.any(|component| component == "main");
        is_it.then(|| Archive::Line { options, uri: uri.to_owned() })
    })
}

fn in_paragraphs(text: &str, suite: &str) -> Option<Archive> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    lines.split(|line| line.trim().is_empty()).find_map(|paragraph| {
        let has =
            |name: &str, word: &str| field(paragraph, name)?.split_whitespace().any(|one| one == word).then_some(());
        if field(paragraph, "Enabled").is_some_and(|enabled| enabled.trim() == "no") {
            return None;
        }
        has("Types", "deb")?;
        has("Suites", suite)?;
        has("Components", "main")?;
        let uri = field(paragraph, "URIs")?.split_whitespace().next()?.to_owned();
        Some(Archive::Paragraph { uri, signed_by: field(paragraph, "Signed-By") })
    })
}

/// What stands behind the colon, and in the indented lines below: a key may be written out there.
fn field(paragraph: &[&str], name: &str) -> Option<String> {
    let of = |line: &&str| line.split_once(':').is_some_and(|(known, _)| known.eq_ignore_ascii_case(name));
    let at = paragraph.iter().position(of)?;
    let (_, first) = paragraph[at].split_once(':')?;
    let more = paragraph[at + 1..].iter().take_while(|line| line.starts_with([' ', '\t']));
    Some(std::iter::once(first).chain(more.copied()).collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_archive_of_the_release_is_found_in_lines() {
        let text = "# deb http://old.example bookworm main\n\
                    deb-src http://a.example/debian bookworm main\n\
                    deb http://a.example/security bookworm-security main\n\
                    deb http://b.example/tools bookworm stable\n\
                    deb [ signed-by=/k.gpg arch=amd64 ] http://a.example/debian bookworm non-free main # ours\n\
                    deb http://c.example/debian bookworm main\n";
        let expected = Archive::Line {
            options: "[ signed-by=/k.gpg arch=amd64 ]".to_owned(),
            uri: "http://a.example/debian".to_owned(),
        };
        assert_eq!(in_lines(text, "bookworm"), Some(expected));
        for none in ["", "deb", "deb [", "deb [x] http://a.example", "deb http://a.example/ ./"] {
            assert_eq!(in_lines(none, "bookworm"), None, "{none}");
        }
    }

    #[test]
    fn the_archive_of_the_release_is_found_in_paragraphs() {
        let text = "Types: deb\nURIs: http://x.example\nSuites: nodistro\nComponents: main\n\n\
                    Types: deb\nEnabled: no\nURIs: http://off.example\nSuites: bookworm\nComponents: main\n\n\
                    Types: deb deb-src\n# a comment\nURIs: http://a.example/debian http://b.example/debian\n\
                    Suites: bookworm bookworm-updates\nComponents: main contrib\nSigned-By:\n -----BEGIN\n .\n abc\n\n\
                    Types: deb\nURIs: http://c.example\nSuites: bookworm-security\nComponents: main\n";
        let signed_by = Some("\n -----BEGIN\n .\n abc".to_owned());
        let expected = Archive::Paragraph { uri: "http://a.example/debian".to_owned(), signed_by };
        assert_eq!(in_paragraphs(text, "bookworm"), Some(expected));
        assert_eq!(in_paragraphs("Types: deb\nSuites: bookworm\nComponents: main", "bookworm"), None);

        let folder = tempfile::tempdir().unwrap();
        let file = in_paragraphs(text, "bookworm").unwrap().source_file("trixie", folder.path()).unwrap();
        assert_eq!(
            fs::read_to_string(file).unwrap(),
            "Types: deb\nURIs: http://a.example/debian\nSuites: trixie\nComponents: main\nSigned-By:\n -----BEGIN\n .\n abc\n"
        );
    }
}
