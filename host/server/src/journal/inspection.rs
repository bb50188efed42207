//! Looks at a whole journal and names every row that is not what was written, and what is wrong with it.
//!
//! A row with a right MAC was written with the key, whatever stands around it; the hash that the MAC vouches for binds
//! its number, its body and the row before. So most rows can be judged one by one, and a row without a right MAC can
//! still be vouched for by the one behind it. That is what keeps one bad row from making all later ones look bad.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::sqlite::SqliteConnection;

use super::chain::Head;
use super::finding::{Fault, Finding, Source};
use super::note::{self, Note};
use super::row::Row;
use super::seal::Key;
use super::witness::Testimony;

/// How many hashes may be tried to find out where moved rows come from: a few seconds. A row whose turn does not come is
/// named as edited.
const MOST_TRIALS: u64 = 2_000_000;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Inspection {
    /// The last row as it stands in the file.
    pub(crate) head: Head,
    /// All that is wrong, by row. Empty: nothing is.
    pub(crate) findings: Vec<Finding>,
    /// What was done to the file besides adding rows.
    pub(crate) notes: Vec<Note>,
}

/// What one look at a row says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// Right MAC, and its hash fits.
    Sound,
    /// The same, but its columns say something else than its body.
    Disagrees,
    /// Right MAC for its hash, which does not fit the rest of the row.
    Misfit,
    /// Its hash fits, its MAC is wrong.
    Unsealed,
    /// Neither.
    Broken,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    seq: i64,
    before: [u8; 32],
    hash: [u8; 32],
    look: Look,
    /// It stands where it was written, and says what was written.
    vouched: bool,
}

/// Looks at all rows, in the order of their numbers.
pub(super) async fn inspect(
    db: &mut SqliteConnection,
    key: &Key,
    testimony: Testimony,
    noted: Option<&Head>,
) -> Result<Inspection, sqlx::Error> {
    let mut seen = look_at_all(db, key).await?;
    let witnessed = match testimony {
        Testimony::Head(head) => Some(head),
        Testimony::Missing | Testimony::Forged => None,
    };
    vouch(&mut seen, witnessed.as_ref());
    let mut faults = BTreeMap::new();
    let mut origins = Origins::new(&seen, witnessed.as_ref());
    for (at, row) in seen.iter().enumerate() {
        if let Some(fault) = origins.judge(db, &seen, at).await? {
            faults.insert(row.seq, fault);
        }
    }
    let mut findings = collapse(&faults);
    findings.extend(origins.missing(&seen));
    findings.sort_by_key(|finding| finding.first);
    let head = seen.last().map_or(Head::default(), |row| Head { seq: row.seq.unsigned_abs(), hash: row.hash });
    let end = |fault| Finding { first: number(head.seq), last: number(head.seq), fault };
    match testimony {
        Testimony::Head(known) => findings.extend(origins.held_against(&seen, &faults, &known, Source::Witness)),
        Testimony::Missing => findings.push(end(Fault::NoHead)),
        Testimony::Forged => findings.push(end(Fault::ForgedHead)),
    }
    findings.extend(noted.and_then(|known| origins.held_against(&seen, &faults, known, Source::Noted)));
    let notes = note::all(db, key).await?;
    let forged = notes.iter().filter(|note| !note.is_ours);
    findings.extend(forged.map(|note| Finding { first: note.seq, last: note.seq, fault: Fault::ForgedNote }));
    Ok(Inspection { head, findings, notes })
}

async fn look_at_all(db: &mut SqliteConnection, key: &Key) -> Result<Vec<Seen>, sqlx::Error> {
    let mut seen: Vec<Seen> = Vec::new();
    let mut after = i64::MIN;
    loop {
        let rows = Row::page(db, after).await?;
        let Some(newest) = rows.last() else { return Ok(seen) };
        after = newest.seq;
        seen.extend(rows.iter().map(|row| {
            let fits = row.number().is_some_and(|seq| row.fits_at(seq));
            let look = match (row.is_ours(key), fits) {
                (true, true) if row.agrees() => Look::Sound,
                (true, true) => Look::Disagrees,
                (true, false) => Look::Misfit,
                (false, true) => Look::Unsealed,
                (false, false) => Look::Broken,
            };
            Seen { seq: row.seq, before: row.before, hash: row.hash, look, vouched: false }
        }));
    }
}

/// A row is vouched for by its own MAC, by a vouched row behind it that names its hash, or by the head beside the
/// database.
fn vouch(seen: &mut [Seen], witnessed: Option<&Head>) {
    let mut behind: Option<Seen> = None;
    for row in seen.iter_mut().rev() {
        let named = behind.is_some_and(|next| next.vouched && next.seq == row.seq + 1 && next.before == row.hash);
        let known = witnessed.is_some_and(|head| number(head.seq) == row.seq && head.hash == row.hash);
        row.vouched = match row.look {
            Look::Sound | Look::Disagrees => true,
            Look::Unsealed => named || known,
            Look::Misfit | Look::Broken => false,
        };
        behind = Some(*row);
    }
}

/// Where rows come from, and which are accounted for.
struct Origins {
    /// Numbers whose rows are there, wherever they stand, or at which something else stands.
    taken: BTreeSet<i64>,
    /// No row behind this one is known to have been written.
    end: i64,
    /// How far the row found last had been moved: its neighbours mostly were moved as far.
    shift: i64,
    trials: u64,
}

impl Origins {
    fn new(seen: &[Seen], witnessed: Option<&Head>) -> Origins {
        let own = seen.iter().filter(|row| row.vouched).map(|row| row.seq).max().unwrap_or(0);
        let end = own.max(witnessed.map_or(0, |head| number(head.seq)));
        Origins { taken: BTreeSet::new(), end, shift: 0, trials: MOST_TRIALS }
    }

    /// What is wrong with a row, if anything.
    async fn judge(
        &mut self,
        db: &mut SqliteConnection,
        seen: &[Seen],
        at: usize,
    ) -> Result<Option<Fault>, sqlx::Error> {
        let row = &seen[at];
        let before = at.checked_sub(1).map(|at| &seen[at]).filter(|before| before.seq + 1 == row.seq);
        let fault = match row.look {
            Look::Sound => {
                let first = row.seq == 1;
                let strayed = before.is_some_and(|before| before.vouched && before.hash != row.before);
                (strayed || first && row.before != [0; 32]).then_some(Fault::Elsewhere)
            }
            Look::Disagrees => Some(Fault::Edited { what: "its columns and its body disagree" }),
            Look::Unsealed if row.vouched => {
                Some(Fault::Edited { what: "its MAC, or the incident that it belongs to" })
            }
            Look::Unsealed => Some(Fault::NotOurs),
            Look::Broken => Some(Fault::Edited { what: "its hash fits neither its MAC nor what stands in it" }),
            Look::Misfit => match self.origin(db, row.seq).await? {
                Some(from) => {
                    // Its number is free for the row that belongs there, and its own is not.
                    self.taken.insert(number(from));
                    let there = seen.binary_search_by_key(&number(from), |other| other.seq);
                    let copied = there.is_ok_and(|at| seen[at].vouched);
                    return Ok(Some(Fault::Moved { from, copied }));
                }
                None => Some(Fault::Edited { what: "its hash does not fit what stands in it" }),
            },
        };
        self.taken.insert(row.seq);
        Ok(fault)
    }

    /// The number at which this row was written, if it was.
    async fn origin(&mut self, db: &mut SqliteConnection, seq: i64) -> Result<Option<u64>, sqlx::Error> {
        let Some(row) = Row::at(db, seq).await? else { return Ok(None) };
        let near = u64::try_from(seq.saturating_sub(self.shift)).ok();
        if let Some(near) = near.filter(|near| *near > 0 && row.fits_at(*near)) {
            return Ok(Some(near));
        }
        // One more than the end: the row behind the last may have been cut off and put elsewhere.
        for candidate in 1..=self.end.unsigned_abs() + 1 {
            let Some(rest) = self.trials.checked_sub(1) else { return Ok(None) };
            self.trials = rest;
            if row.fits_at(candidate) {
                self.shift = seq.saturating_sub(number(candidate));
                return Ok(Some(candidate));
            }
        }
        Ok(None)
    }

    /// The gaps up to the last row known to have been written. One at the end is not missing but cut off, which the head
    /// shows.
    fn missing(&self, seen: &[Seen]) -> Vec<Finding> {
        // Rows of nobody knows whom at the end say nothing about how long the journal was.
        let last = seen.last().map_or(0, |row| row.seq).max(self.taken.last().copied().unwrap_or(0)).min(self.end);
        let mut gaps = Vec::new();
        let mut next = 1;
        for taken in self.taken.range(1..=last.max(1)) {
            if *taken > next {
                gaps.push(Finding { first: next, last: taken - 1, fault: Fault::Missing });
            }
            next = taken + 1;
        }
        gaps
    }

    /// Is the row that somebody knows still there? A row that is named already is not named twice.
    fn held_against(&self, seen: &[Seen], faults: &BTreeMap<i64, Fault>, known: &Head, by: Source) -> Option<Finding> {
        let seq = number(known.seq);
        let last = seen.last().map_or(0, |row| row.seq);
        let here = seen.binary_search_by_key(&seq, |row| row.seq).ok().map(|at| &seen[at]);
        let fault = match here {
            _ if seq == 0 => return None,
            Some(row) if row.hash == known.hash => return None,
            // Whether its own fault explains that it is another, nobody can say of a head that was noted elsewhere.
            Some(_) if by == Source::Witness && faults.contains_key(&seq) => return None,
            Some(_) => return Some(Finding { first: seq, last: seq, fault: Fault::Another { by } }),
            // It stands somewhere else, or the gap is named.
            None if self.taken.contains(&seq) || seq <= last => return None,
            None => Fault::CutOff { known: known.seq, by },
        };
        Some(Finding { first: last, last, fault })
    }
}

/// Rows side by side with the same fault are one finding.
fn collapse(faults: &BTreeMap<i64, Fault>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for (seq, fault) in faults {
        if let Some(open) = findings.last_mut()
            && open.last + 1 == *seq
            && continues(&open.fault, seq - open.first, fault)
        {
            open.last = *seq;
        } else {
            findings.push(Finding { first: *seq, last: *seq, fault: fault.clone() });
        }
    }
    findings
}

fn continues(first: &Fault, distance: i64, fault: &Fault) -> bool {
    match (first, fault) {
        (Fault::Moved { from, copied }, Fault::Moved { from: here, copied: too }) => {
            copied == too && number(*from) + distance == number(*here)
        }
        _ => first == fault,
    }
}

fn number(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}
