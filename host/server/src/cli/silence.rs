//! `incident silence` and `incident unsilence`: a silence in Alertmanager for an incident, made and ended by the host.

use serde::Deserialize;
use serde_json::json;

use super::Output;
use super::client::Client;
use super::decide::{is_meant, told};
use super::exit::Failure;
use super::show::{describe_incident, say, understood};
use super::table::plain;
use super::wire::Incident;

/// What was silenced.
#[derive(Deserialize)]
struct Silenced {
    silences: Vec<String>,
    until: String,
    matchers: Vec<String>,
    #[serde(default)]
    missed: Vec<String>,
}

/// What was ended.
#[derive(Deserialize)]
struct Unsilenced {
    silences: Vec<String>,
    #[serde(default)]
    missed: Vec<String>,
}

/// Shows the incident, then silences it. Asks whether it is meant where a person sits at a terminal, and waits for nobody
/// anywhere else.
pub(super) fn silence(
    client: &Client,
    id: &str,
    length: &str,
    comment: &str,
    sure: bool,
    output: Output,
) -> Result<(), Failure> {
    if comment.trim().is_empty() {
        let text = "--comment is empty: say why, for whoever looks into Alertmanager";
        return Err(Failure::Usage(text.to_owned()));
    }
    if output == Output::Text {
        let incident: Incident = understood(client.get_one("incidents", id)?)?;
        say(&describe_incident(&Incident { timeline: Vec::new(), ..incident }))?;
        if !is_meant(&format!("silence {id} for {length}"), sure)? {
            return Err(Failure::Failed(format!("nothing was changed: {id} is not silenced")));
        }
    }
    let answer = client.decide("incidents", id, "silence", json!({ "for": length, "comment": comment }))?;
    told(output, &answer, |answer| {
        let made: Silenced = understood(answer.clone())?;
        let matchers = plain(&made.matchers.join(", "));
        let names = plain(&made.silences.join(", "));
        let done = format!("\nsilenced {id} until {}: {{{matchers}}}\nsilence {names}\n", plain(&made.until));
        Ok(done + &missed(&made.missed) + &format!("`tidegate incident unsilence {id}` ends it\n"))
    })
}

/// Ends what was made for the incident from here.
pub(super) fn unsilence(client: &Client, id: &str, output: Output) -> Result<(), Failure> {
    let answer = client.decide("incidents", id, "unsilence", json!({}))?;
    told(output, &answer, |answer| {
        let ended: Unsilenced = understood(answer.clone())?;
        let names = plain(&ended.silences.join(", "));
        Ok(format!("{id} is silenced no more: ended silence {names}\n") + &missed(&ended.missed))
    })
}

fn missed(missed: &[String]) -> String {
    missed.iter().map(|why| format!("NOT everywhere: {}\n", plain(why))).collect()
}
