//! From the expression of an alerting rule to the series that it looks at: the comparison is taken off, and the side of it
//! that counts is kept.
//!
//! `a > 5` alerts on `a`, when it is high. What is left of an expression is left as it was written.

use tidegate_domain::rules::Direction;

use super::tokens::{Kind, Token, Unreadable, is_pinned, tokens, without_comments};

/// Sides of an `or`, at most: each is a question to Prometheus.
const MOST_SIDES: usize = 4;

/// Expressions within brackets within expressions, at most.
const MOST_DEPTH: usize = 50;

/// What a rule looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Looked {
    /// PromQL that gives the series, whether the rule finds fault with them or not.
    pub(super) expr: String,
    /// The side of the rule that it was taken from, with its comparison.
    pub(super) rule: String,
    /// On which side the rule finds fault.
    pub(super) side: Direction,
}

/// Why nothing can be said about the series behind a rule. Follows a "because".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoSeries {
    #[error("the rule compares no value with anything")]
    NoComparison,
    #[error("the rule is about series that are not there")]
    Absence,
    #[error("the rule compares numbers, and no series")]
    OnlyNumbers,
    #[error("its expression is pinned to a time, with @, and has no history")]
    Pinned,
    #[error("its expression cannot be read: {0}")]
    Unreadable(#[from] Unreadable),
}

/// The series behind the expression of a rule; several where it has several sides, of which each may have raised an alert.
pub(super) fn looked_at(rule: &str) -> Result<Vec<Looked>, NoSeries> {
    let plain = without_comments(rule)?;
    if is_pinned(&plain)? {
        return Err(NoSeries::Pinned);
    }
    let mut sides = read(&plain, MOST_DEPTH)?;
    sides.truncate(MOST_SIDES);
    Ok(sides)
}

fn read(text: &str, depth: usize) -> Result<Vec<Looked>, NoSeries> {
    let (text, tokens) = bare(text, depth)?;
    // MetricsQL has more of them: `default` fills gaps, `if` and `ifnot` are `and` and `unless`, and all bind last.
    if let Some(at) = operator(&tokens, &["default", "if", "ifnot"]) {
        return read(&text[..tokens[at].from], depth - 1);
    }
    if let Some(at) = operator(&tokens, &["or"]) {
        let one = side_of_or(&text[..tokens[at].from], depth - 1);
        let other = side_of_or(&text[behind(&tokens, at)..], depth - 1);
        return match (one, other) {
            (Ok(one), Ok(other)) => Ok([one, other].concat()),
            (Err(_), Ok(other)) => Ok(other),
            (one, Err(_)) => one,
        };
    }
    if let Some(at) = operator(&tokens, &["and", "unless"]) {
        let condition = read(&text[..tokens[at].from], depth - 1);
        // `series and condition > 5`: then the condition is what raised it.
        let also = matches!(tokens[at].kind, Kind::Word(word) if word.eq_ignore_ascii_case("and"));
        return match condition {
            Err(NoSeries::NoComparison) if also => read(&text[behind(&tokens, at)..], depth - 1),
            settled => settled,
        };
    }
    let comparison = last_comparison(&tokens).ok_or_else(|| match tokens.first().map(|token| token.kind) {
        Some(Kind::Word(word)) if is_absence(word) => NoSeries::Absence,
        _ => NoSeries::NoComparison,
    })?;
    compared(text, &tokens, comparison, depth).map(|looked| vec![looked])
}

fn side_of_or(text: &str, depth: usize) -> Result<Vec<Looked>, NoSeries> {
    let mut sides = read(text, depth)?;
    if let [side] = &mut sides[..] {
        side.rule = text.trim().to_owned();
    }
    Ok(sides)
}

/// What is left without the brackets around all of it.
fn bare(mut text: &str, mut depth: usize) -> Result<(&str, Vec<Token<'_>>), NoSeries> {
    loop {
        text = text.trim();
        let tokens = tokens(text)?;
        match tokens[..] {
            [Token { kind: Kind::Group('('), .. }] if depth > 0 => text = &text[1..text.len() - 1],
            _ if depth == 0 => return Err(Unreadable::TooDeep.into()),
            _ => return Ok((text, tokens)),
        }
        depth -= 1;
    }
}

/// The first of these words that stands between two operands.
fn operator(tokens: &[Token<'_>], words: &[&str]) -> Option<usize> {
    let is_one = |kind| matches!(kind, Kind::Word(word) if words.iter().any(|w| word.eq_ignore_ascii_case(w)));
    // A metric may have such a name as well; then it stands where a value is to come.
    (1..tokens.len()).find(|&at| is_one(tokens[at].kind) && ends_value(tokens[at - 1].kind))
}

fn ends_value(kind: Kind<'_>) -> bool {
    match kind {
        Kind::Word(word) => !["and", "or", "unless", "bool"].iter().any(|w| word.eq_ignore_ascii_case(w)),
        Kind::Number(_) | Kind::Text | Kind::Group(_) => true,
        Kind::Comparison(_) | Kind::Sign(_) => false,
    }
}

fn last_comparison(tokens: &[Token<'_>]) -> Option<usize> {
    tokens.iter().rposition(|token| matches!(token.kind, Kind::Comparison(_)))
}

/// Where the right side of the operator at `at` begins, without `bool`, `on (...)` and the like.
fn behind(tokens: &[Token<'_>], at: usize) -> usize {
    let mut next = at + 1;
    while let Some(Token { kind: Kind::Word(word), .. }) = tokens.get(next) {
        let word = word.to_ascii_lowercase();
        let with_labels = ["on", "ignoring", "group_left", "group_right"].contains(&word.as_str());
        let labels = matches!(tokens.get(next + 1), Some(Token { kind: Kind::Group('('), .. }));
        match (word.as_str(), with_labels) {
            ("bool", _) => next += 1,
            (_, true) => next += if labels { 2 } else { 1 },
            _ => break,
        }
    }
    tokens.get(next).map_or_else(|| tokens[at].to, |token| token.from)
}

/// The side of a comparison that gives series.
fn compared(text: &str, tokens: &[Token<'_>], at: usize, depth: usize) -> Result<Looked, NoSeries> {
    let Kind::Comparison(sign) = tokens[at].kind else { return Err(NoSeries::NoComparison) };
    let (left, right) = (&text[..tokens[at].from], &text[behind(tokens, at)..]);
    let (side, value, limit) = if !is_constant(left)? {
        (side_of(sign), left, right)
    } else if !is_constant(right)? {
        (flipped(side_of(sign)), right, left)
    } else {
        return Err(NoSeries::OnlyNumbers);
    };
    let inner = uncompared(value, depth - 1)?;
    let rule = text.to_owned();
    let Some(inside) = inner.side else { return Ok(Looked { expr: inner.expr, rule, side }) };
    let side = if inner.is_bool {
        // 1 where it holds and 0 where it does not: which of them is the fault?
        let holds = |truth| limit_of(limit).map(|limit| holds(truth, side, sign, limit));
        match (holds(1.0), holds(0.0)) {
            (Some(true), Some(false)) => inside,
            (Some(false), Some(true)) => flipped(inside),
            _ => Direction::Both,
        }
    } else if side == inside {
        side
    } else {
        Direction::Both
    };
    Ok(Looked { expr: inner.expr, rule, side })
}

/// The operand of a comparison, with what filters it taken off as well.
struct Uncompared {
    expr: String,
    /// Of the comparison that was taken off, if there was one.
    side: Option<Direction>,
    is_bool: bool,
}

fn uncompared(text: &str, depth: usize) -> Result<Uncompared, NoSeries> {
    let (text, tokens) = bare(text, depth)?;
    if operator(&tokens, &["default", "if", "ifnot", "or"]).is_none() {
        if let Some(at) = operator(&tokens, &["and", "unless"]) {
            return uncompared(&text[..tokens[at].from], depth - 1);
        }
        if let Some(at) = last_comparison(&tokens) {
            let is_bool = matches!(tokens.get(at + 1).map(|token| token.kind), Some(Kind::Word(word)) if word.eq_ignore_ascii_case("bool"));
            let Looked { expr, side, .. } = compared(text, &tokens, at, depth)?;
            return Ok(Uncompared { expr, side: Some(side), is_bool });
        }
    }
    match tokens[..] {
        [Token { kind: Kind::Word(word), .. }, Token { kind: Kind::Group('('), .. }] if is_absence(word) => {
            Err(NoSeries::Absence)
        }
        _ => Ok(Uncompared { expr: text.to_owned(), side: None, is_bool: false }),
    }
}

fn is_absence(word: &str) -> bool {
    ["absent", "absent_over_time"].iter().any(|name| word.eq_ignore_ascii_case(name))
}

/// True where there is no series in it: numbers, and what is made of them.
fn is_constant(text: &str) -> Result<bool, NoSeries> {
    let (text, tokens) = bare(text, MOST_DEPTH)?;
    for (at, token) in tokens.iter().enumerate() {
        let follows_word = at > 0 && matches!(tokens[at - 1].kind, Kind::Word(_));
        let constant = match token.kind {
            Kind::Number(_) | Kind::Sign(_) => true,
            // `scalar(x)`, `vector(1)`, `time()`: whatever stands in there, what comes out has no labels.
            Kind::Word(word) => {
                let word = word.to_ascii_lowercase();
                let call = matches!(tokens.get(at + 1), Some(Token { kind: Kind::Group('('), .. }));
                let function = ["scalar", "vector", "time", "pi"].contains(&word.as_str());
                if call { function } else { ["inf", "nan"].contains(&word.as_str()) }
            }
            Kind::Group('(') => follows_word || is_constant(&text[token.from..token.to])?,
            Kind::Group(_) | Kind::Text | Kind::Comparison(_) => false,
        };
        if !constant {
            return Ok(false);
        }
    }
    Ok(!tokens.is_empty())
}

fn side_of(sign: &str) -> Direction {
    match sign {
        ">" | ">=" => Direction::AboveExpected,
        "<" | "<=" => Direction::BelowExpected,
        _ => Direction::Both,
    }
}

fn flipped(side: Direction) -> Direction {
    match side {
        Direction::AboveExpected => Direction::BelowExpected,
        Direction::BelowExpected => Direction::AboveExpected,
        Direction::Both => Direction::Both,
    }
}

/// The number on the other side, where it is one.
fn limit_of(text: &str) -> Option<f64> {
    text.trim().parse().ok()
}

/// Whether a comparison holds for a value; `side` is the value's.
fn holds(value: f64, side: Direction, sign: &str, limit: f64) -> bool {
    let or_equal = sign.ends_with('=') && value == limit;
    match side {
        Direction::AboveExpected => value > limit || or_equal,
        Direction::BelowExpected => value < limit || or_equal,
        Direction::Both => (value == limit) == (sign == "=="),
    }
}

#[cfg(test)]
mod tests;
