//! Who is in the groups whose members come from a user group of Slack, as a rotation has it.
//!
//! Read each minute. Where Slack cannot be asked, those that were read last go on deciding: the journal has them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tidegate_domain::input::Input;

use crate::config::Config;
use crate::host::Host;
use crate::slack::SlackError;

/// Rotations change a few times a day, and nobody wants to wait for one.
const EVERY: Duration = Duration::from_secs(60);

/// Runs until the host stops.
pub(crate) async fn run(host: Arc<Host>) {
    let mut setups = host.setups();
    // What went wrong with which group, as it was logged.
    let mut failing = BTreeMap::new();
    loop {
        setups.mark_unchanged();
        tokio::select! {
            () = host.stopped() => return,
            () = read_all(&host, &mut failing) => {}
        }
        tokio::select! {
            () = host.stopped() => return,
            // Another config may name other groups. Fails only where the host is gone.
            _ = setups.changed() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

async fn read_all(host: &Arc<Host>, failing: &mut BTreeMap<String, SlackError>) {
    let setup = host.setup();
    let token = setup.slack.as_ref().and_then(|slack| Some((slack, slack.bot()?)));
    let mut named = BTreeSet::new();
    for (group, found) in &setup.config.groups {
        let (Some(usergroup), Some((slack, token))) = (&found.slack_usergroup, token) else { continue };
        named.insert(group.clone());
        host.metrics.slack.roster(group, false);
        let read = slack.api.members(token, usergroup).await;
        host.metrics.slack.count_call("usergroups.users.list", read.is_ok());
        match read {
            Ok(users) => {
                host.metrics.slack.roster(group, true);
                if failing.remove(group).is_some() {
                    tracing::info!(group, "Slack says again who is in the group");
                }
                let input = Input::RosterRead { group: group.clone(), members: members(&setup.config, &users) };
                host.keeper.insist(input).await;
            }
            Err(error) => {
                // Once for each thing that goes wrong, not each minute.
                if failing.get(group) != Some(&error) {
                    let remedy = error.remedy(&format!("slack_usergroup of the group {group:?}")).unwrap_or_default();
                    let known = host.keeper.book().roster(group).map_or(0, BTreeSet::len);
                    tracing::error!(group, %error, remedy, known, "who is in the group could not be read; those read last stay");
                    failing.insert(group.clone(), error);
                }
            }
        }
    }
    failing.retain(|group, _| named.contains(group));
    host.metrics.slack.keep_rosters(&named);
}

/// Names of the people whom Slack's user ids mean. Whoever is not known here cannot decide, whatever group they are in.
fn members(config: &Config, users: &[String]) -> BTreeSet<String> {
    let ids: BTreeSet<&str> = users.iter().map(String::as_str).collect();
    let in_group = |user: &Option<String>| user.as_deref().is_some_and(|user| ids.contains(user));
    config.approvers.iter().filter(|known| in_group(&known.slack_user)).map(|known| known.name.clone()).collect()
}
