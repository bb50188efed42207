//! Test results as JUnit's XML, which CI systems read. The format has no schema of its own; these are the elements and
//! attributes that Jenkins and GitLab agree on.

use std::fmt::Write as _;

use super::report::{GuestReport, Report, Status, Tested};

/// The whole report as one document.
#[must_use]
pub fn xml(report: &Report) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let all: Vec<&Tested> = report.tests().collect();
    // Writing to a string cannot fail.
    let _ = writeln!(xml, "<testsuites name=\"tidegate guest test\" {}>", counts(&all, report.took.as_secs_f64()));
    for guest in &report.guests {
        suite(&mut xml, guest);
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn suite(xml: &mut String, guest: &GuestReport) {
    let tests: Vec<&Tested> = guest.tests.iter().collect();
    let seconds = tests.iter().map(|test| test.took.as_secs_f64()).sum();
    let _ = writeln!(xml, "  <testsuite name=\"{}\" {}>", escaped(&guest.name), counts(&tests, seconds));
    for test in tests {
        case(xml, guest, test);
    }
    xml.push_str("  </testsuite>\n");
}

fn counts(tests: &[&Tested], seconds: f64) -> String {
    let count = |status| tests.iter().filter(|test| test.status == status).count();
    format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{seconds:.6}\"",
        tests.len(),
        count(Status::Fail),
        count(Status::Error),
        count(Status::Skip)
    )
}

fn case(xml: &mut String, guest: &GuestReport, test: &Tested) {
    let name = test.name.strip_prefix(&guest.name).unwrap_or(&test.name).trim_start_matches('/');
    let file = test.file.as_ref().map(|file| format!(" file=\"{}\"", escaped(&file.display().to_string())));
    let _ = write!(
        xml,
        "    <testcase classname=\"{}\" name=\"{}\"{} time=\"{:.6}\"",
        escaped(&guest.name),
        escaped(name),
        file.unwrap_or_default(),
        test.took.as_secs_f64()
    );
    let element = match test.status {
        Status::Pass => {
            xml.push_str("/>\n");
            return;
        }
        Status::Warn => "system-out",
        Status::Skip => "skipped",
        Status::Fail => "failure",
        Status::Error => "error",
    };
    let message = match test.status {
        Status::Warn => String::new(),
        _ => format!(" message=\"{}\"", escaped(test.why.lines().next().unwrap_or_default())),
    };
    let text = escaped(&format!("{}\n{}", test.what, test.why));
    let _ = writeln!(xml, ">\n      <{element}{message}>{text}</{element}>\n    </testcase>");
}

/// Text as XML 1.0 takes it, in elements and in attributes. Characters that it has no way to write are replaced.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}' => {
                escaped.push(character);
            }
            _ => escaped.push('\u{fffd}'),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_breaks_out_of_its_element() {
        for (text, expected) in [
            ("a < b && c > \"d\"", "a &lt; b &amp;&amp; c &gt; &quot;d&quot;"),
            ("]]></failure>", "]]&gt;&lt;/failure&gt;"),
            ("two\nlines\tand é 日本 🌊", "two\nlines\tand é 日本 🌊"),
            ("\u{0}\u{1b}[2J\r\u{ffff}", "\u{fffd}\u{fffd}[2J\u{fffd}\u{fffd}"),
        ] {
            assert_eq!(escaped(text), expected);
        }
    }
}
