//! Looking at the guest folder again and again: what is there now that was not there before, and stays.
//!
//! By content and not by events: a mounted ConfigMap swaps links to folders, a network file system tells nobody. What is
//! new must be seen twice alike, because a file may be half written when it is first seen.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use super::file::{self, Look};

/// Something new in the folder, seen twice.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// Other content than was told of last.
    Content {
        /// The guest.
        name: String,
        /// SHA-256 of the content.
        digest: String,
        /// The content.
        wasm: Vec<u8>,
    },
    /// The file is gone.
    Gone {
        /// The guest.
        name: String,
    },
    /// The file is there and cannot be read, or is not worth it.
    Unreadable {
        /// The guest.
        name: String,
        /// Why, for people.
        why: String,
    },
}

impl News {
    /// The guest that it is about.
    pub(crate) fn guest(&self) -> &str {
        let (Self::Content { name, .. } | Self::Gone { name } | Self::Unreadable { name, .. }) = self;
        name
    }
}

/// What one look at a file shows.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Sight {
    Content(String),
    Gone,
    Unreadable(String),
}

#[derive(Debug)]
struct Known {
    /// How the file looked when its content was read.
    look: Option<Look>,
    /// What the last look showed.
    seen: Sight,
    /// What was told last.
    told: Sight,
}

/// What is known of the folder.
#[derive(Debug, Default)]
pub(crate) struct Looks {
    folder: PathBuf,
    files: BTreeMap<String, Known>,
}

impl Looks {
    /// Another folder, or the same; from now on that is no news for these guests which has one of these digests.
    pub(crate) fn expect(&mut self, folder: &Path, loaded: impl IntoIterator<Item = (String, String)>) {
        if self.folder != folder {
            self.folder = folder.to_owned();
            self.files.clear();
        }
        for (name, digest) in loaded {
            let told = Sight::Content(digest);
            if self.files.get(&name).is_none_or(|known| known.told != told) {
                self.files.insert(name, Known { look: None, seen: told.clone(), told });
            }
        }
    }

    /// Looks at every file. `limit` says how many bytes a guest may have.
    pub(crate) fn look(&mut self, limit: impl Fn(&str) -> usize) -> Vec<News> {
        let names: BTreeSet<String> =
            file::names_in(&self.folder).into_iter().chain(self.files.keys().cloned()).collect();
        names.into_iter().filter_map(|name| self.look_at(&name, limit(&name))).collect()
    }

    fn look_at(&mut self, name: &str, limit: usize) -> Option<News> {
        let file = self.folder.join(format!("{name}.wasm"));
        let look = Look::at(&file);
        let known = self.files.entry(name.to_owned()).or_insert_with(|| Known {
            look: None,
            seen: Sight::Gone,
            told: Sight::Gone,
        });
        // Told, and as it was: nothing to read. What is yet to be told is read again to be sure.
        if known.seen == known.told && look.is_some() && look == known.look {
            return None;
        }
        let (sight, wasm) = see(&file, limit);
        known.look = look;
        if sight == known.told {
            known.seen = sight;
            if known.told == Sight::Gone {
                self.files.remove(name);
            }
            return None;
        }
        if sight != known.seen {
            known.seen = sight;
            return None;
        }
        known.told = sight.clone();
        Some(match sight {
            Sight::Content(digest) => News::Content { name: name.to_owned(), digest, wasm },
            Sight::Gone => News::Gone { name: name.to_owned() },
            Sight::Unreadable(why) => News::Unreadable { name: name.to_owned(), why },
        })
    }
}

fn see(file: &Path, limit: usize) -> (Sight, Vec<u8>) {
    match file::read_up_to(file, limit) {
        Ok(wasm) => (Sight::Content(tidegate_sandbox::digest(&wasm)), wasm),
        Err(error) if error.kind() == io::ErrorKind::NotFound => (Sight::Gone, Vec::new()),
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
            (Sight::Unreadable(format!("it is larger than the {limit} bytes allowed")), Vec::new())
        }
        Err(error) => (Sight::Unreadable(format!("it cannot be read: {error}")), Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    /// Looks once and says what is new, shortly.
    fn news(looks: &mut Looks) -> Vec<String> {
        let short = |news: News| match news {
            News::Content { name, wasm, .. } => format!("{name}: {}", String::from_utf8_lossy(&wasm)),
            News::Gone { name } => format!("{name} is gone"),
            News::Unreadable { name, why } => format!("{name}: {why}"),
        };
        looks.look(|_| 10).into_iter().map(short).collect()
    }

    fn folder() -> (tempfile::TempDir, Looks) {
        let folder = tempfile::tempdir().unwrap();
        let mut looks = Looks::default();
        looks.expect(folder.path(), []);
        (folder, looks)
    }

    const NONE: [&str; 0] = [];

    #[test]
    fn what_is_new_is_told_once_when_it_has_been_seen_twice() {
        let (folder, mut looks) = folder();
        let file = folder.path().join("a.wasm");
        assert_eq!(news(&mut looks), NONE);
        fs::write(&file, "one").unwrap();
        fs::write(folder.path().join("notes.txt"), "no guest").unwrap();
        assert_eq!(news(&mut looks), NONE);
        assert_eq!(news(&mut looks), ["a: one"]);
        assert_eq!(news(&mut looks), NONE);
        // As long as it grows, it is not whole.
        for part in ["t", "tw", "two"] {
            fs::write(&file, part).unwrap();
            assert_eq!(news(&mut looks), NONE, "{part}");
        }
        assert_eq!(news(&mut looks), ["a: two"]);
        // The same bytes again, by whatever way, are nothing new.
        fs::write(folder.path().join("b"), "two").unwrap();
        fs::rename(folder.path().join("b"), &file).unwrap();
        assert_eq!((news(&mut looks), news(&mut looks)), (vec![], vec![]));
    }

    #[test]
    fn content_of_the_same_length_at_the_same_moment_is_noticed() {
        let (folder, mut looks) = folder();
        let file = folder.path().join("a.wasm");
        for text in ["one", "two", "six", "ten"] {
            fs::write(&file, text).unwrap();
            assert_eq!(news(&mut looks), NONE);
            assert_eq!(news(&mut looks), [format!("a: {text}")]);
        }
    }

    #[test]
    fn a_file_that_goes_and_comes_back_is_told_both_times() {
        let (folder, mut looks) = folder();
        let file = folder.path().join("a.wasm");
        looks.expect(folder.path(), [("a".to_owned(), tidegate_sandbox::digest(b"one"))]);
        assert_eq!((news(&mut looks), news(&mut looks)), (vec![], vec!["a is gone".to_owned()]));
        assert_eq!(news(&mut looks), NONE);
        fs::write(&file, "one").unwrap();
        assert_eq!((news(&mut looks), news(&mut looks)), (vec![], vec!["a: one".to_owned()]));
        // Gone for the blink of an eye is not gone.
        fs::remove_file(&file).unwrap();
        assert_eq!(news(&mut looks), NONE);
        fs::write(&file, "one").unwrap();
        assert_eq!((news(&mut looks), news(&mut looks)), (vec![], vec![]));
    }

    #[test]
    fn what_is_loaded_already_is_no_news() {
        let (folder, mut looks) = folder();
        fs::write(folder.path().join("a.wasm"), "one").unwrap();
        looks.expect(folder.path(), [("a".to_owned(), tidegate_sandbox::digest(b"one"))]);
        assert_eq!((news(&mut looks), news(&mut looks)), (vec![], vec![]));
    }

    #[test]
    fn links_are_followed_to_what_they_lead_to() {
        // As a mounted ConfigMap: the files are links through `..data`, which is swapped in one go.
        let (folder, mut looks) = folder();
        let path = |name: &str| folder.path().join(name);
        for (version, text) in [("..1", "one"), ("..2", "two")] {
            fs::create_dir(path(version)).unwrap();
            fs::write(path(version).join("a.wasm"), text).unwrap();
        }
        symlink("..1", path("..data")).unwrap();
        symlink("..data/a.wasm", path("a.wasm")).unwrap();
        assert_eq!((news(&mut looks), news(&mut looks)), (vec![], vec!["a: one".to_owned()]));
        symlink("..2", path("..tmp")).unwrap();
        fs::rename(path("..tmp"), path("..data")).unwrap();
        assert_eq!((news(&mut looks), news(&mut looks)), (vec![], vec!["a: two".to_owned()]));
        fs::remove_file(path("..data")).unwrap();
        assert_eq!((news(&mut looks), news(&mut looks)), (vec![], vec!["a is gone".to_owned()]));
    }

    #[test]
    fn what_cannot_be_read_is_told_as_that() {
        let (folder, mut looks) = folder();
        fs::write(folder.path().join("large.wasm"), "0123456789a").unwrap();
        fs::create_dir(folder.path().join("odd.wasm")).unwrap();
        assert_eq!(news(&mut looks), NONE);
        let told = news(&mut looks);
        assert_eq!(told[0], "large: it is larger than the 10 bytes allowed");
        assert!(told[1].starts_with("odd: it cannot be read: "), "{told:?}");
        assert_eq!(news(&mut looks), NONE);
    }
}
