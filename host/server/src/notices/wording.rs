//! What the host's own alerts are called, and what they say.

use std::collections::BTreeMap;

use tidegate_domain::book::Incident;
use tidegate_domain::event::Origin;
use tidegate_domain::labels::Labels;
use tidegate_domain::rules::Severity;
use tidegate_domain::text::one_line;
use tidegate_domain::time::Timestamp;

use crate::alertmanager::OutgoingAlert;
use crate::clock;
use crate::config::Config;

/// Notes of so many detectors, and so many characters of each: whoever is paged reads no more.
const MOST_NOTES: usize = 5;
const MOST_OF_NOTE: usize = 600;

/// What stands before the name of a label of the group that the host has one of its own for, as in Prometheus.
const EXPORTED: &str = "exported_";

/// The labels of a group beside the host's own. Of a name that both have, the host's own keeps it, and the group's goes
/// on as `exported_NAME`: without it two groups would be one alert. What Prometheus and Alertmanager take for no label at all, an
/// empty value, is none here: the fingerprint has to be theirs.
pub(super) fn beside_own<'a>(group: impl IntoIterator<Item = (&'a str, &'a str)>, own: &[(&str, &str)]) -> Labels {
    let mut labels: BTreeMap<String, String> =
        own.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let mut clashing = Vec::new();
    for (name, value) in group.into_iter().filter(|(name, value)| *name != "__name__" && !value.is_empty()) {
        if labels.contains_key(name) {
            clashing.push((name, value));
        } else {
            labels.insert(name.to_owned(), value.to_owned());
        }
    }
    for (name, value) in clashing {
        let mut name = format!("{EXPORTED}{name}");
        while labels.contains_key(&name) {
            name.insert_str(0, EXPORTED);
        }
        labels.insert(name, value.to_owned());
    }
    Labels::new(labels)
}

/// The labels of the alert of an anomaly at a severity. One that rises makes another alert, which may be routed to other
/// people; the old one is resolved.
pub(super) fn labels_of(own_alertname: &str, incident: &Incident, severity: Severity) -> Labels {
    let own = [("alertname", own_alertname), ("watch", incident.origin.name()), ("severity", severity.name())];
    beside_own(incident.labels.iter(), &own)
}

/// The alert of an incident; none for one that is an alert already.
pub(super) fn alert_of(own_alertname: &str, config: &Config, incident: &Incident) -> Option<OutgoingAlert> {
    let what = match incident.origin {
        Origin::Alert { .. } => return None,
        Origin::Anomaly { .. } => "is anomalous",
        Origin::Absence { .. } => "stopped coming",
    };
    let watch = incident.origin.name();
    let mut description = format!("incident {} since {}", incident.id, clock::rfc3339(incident.since));
    if let Some(worst) = incident.worst() {
        description.push_str(&format!("; {}", worst.finding()));
        for opinion in worst.opinions.iter().take(MOST_NOTES) {
            let note = opinion.note.as_deref().map(|note| one_line(note, MOST_OF_NOTE)).filter(|note| !note.is_empty());
            description.extend(note.map(|note| format!("; {}: {note}", opinion.detector)));
        }
    }
    let mut annotations = vec![
        ("summary", format!("{watch} {what}: {}", incident.labels)),
        ("description", description),
        ("incident", incident.id.0.clone()),
    ];
    let runbook = config.watches.iter().find(|known| known.name == watch).and_then(|watch| watch.runbook_url.as_ref());
    annotations.extend(runbook.map(|url| ("runbook_url", url.clone())));
    let page = page_of(config, incident);
    annotations.extend(page.clone().map(|url| ("tidegate_url", url)));
    Some(OutgoingAlert {
        labels: labels_of(own_alertname, incident, incident.severity),
        annotations: Labels::new(annotations),
        starts_at: incident.since,
        ends_at: Timestamp(0),
        generator_url: page,
    })
}

/// Where people find an incident, where the config says under which URL.
pub(super) fn page_of(config: &Config, incident: &Incident) -> Option<String> {
    config.server.external_url.as_ref().map(|url| format!("{url}/incidents/{}", incident.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hosts_own_labels_win_and_the_groups_go_on_under_another_name() {
        let own = [("alertname", "TidegateAnomaly"), ("severity", "high"), ("watch", "w")];
        for (group, expected) in [
            ("service=a", "service=a"),
            ("__name__=up service=a", "service=a"),
            ("severity=page watch=x", "exported_severity=page exported_watch=x"),
            ("alertname=A exported_alertname=B", "exported_alertname=B exported_exported_alertname=A"),
            ("service= zone=z", "zone=z"),
            ("k8s.pod=p", "k8s.pod=p"),
        ] {
            let pairs = |text: &'static str| text.split(' ').filter_map(|pair| pair.split_once('='));
            let all = beside_own(pairs(group), &own);
            assert_eq!(all, Labels::new(pairs(expected).chain(own)), "{group}");
        }
    }

    #[test]
    fn groups_that_differ_stay_apart() {
        let own = [("alertname", "TidegateAnomaly")];
        let labels = |alertname| beside_own([("alertname", alertname)], &own);
        assert_ne!(labels("A"), labels("B"));
    }
}
