//! What Slack says to a config: whose token the bot has, and who is in the user groups. Posts nothing.

use super::say;
use crate::config::{Config, Findings, Slack, SlackPosting};
use crate::http_client::{HttpClient, Secret};
use crate::slack::{Api, SlackError};

/// Asks for the bot and for every group. An incoming webhook cannot be asked anything: it only posts.
///
/// # Errors
///
/// Where Slack does not answer. What it answers may be a fault of the config, and then is in `findings`.
pub(super) async fn ask(config: &Config, slack: &Slack, http: HttpClient, findings: &Findings) -> Result<(), String> {
    let SlackPosting::Bot { token, .. } = &slack.posting else { return Ok(()) };
    let workspace = Workspace { config, api: Api::new(http, slack.api_url.clone()), token, findings };
    if !workspace.knows_the_bot(slack).await? {
        return Ok(());
    }
    for (name, group) in &config.groups {
        if let Some(usergroup) = &group.slack_usergroup {
            workspace.ask_for_members(name, usergroup).await?;
        }
    }
    Ok(())
}

struct Workspace<'a> {
    config: &'a Config,
    api: Api,
    token: &'a Secret,
    findings: &'a Findings,
}

impl Workspace<'_> {
    /// False where nothing else would be answered.
    async fn knows_the_bot(&self, slack: &Slack) -> Result<bool, String> {
        let Some(bot) = self.heard(self.api.whoami(self.token).await, &["slack"])? else { return Ok(false) };
        say(&format!("Slack at {}: bot {} of {} ({})\n", self.api.base(), bot.user, bot.team, bot.team_id));
        let is_home = |team: &String| *team == bot.team_id || bot.enterprise_id.as_ref() == Some(team);
        if let Some(team) = slack.team_id.as_ref().filter(|team| !is_home(team)) {
            let what = format!("the bot is in {} ({}), and only {team} would be let in", bot.team, bot.team_id);
            self.findings.error(&self.config.locator.spot(&["slack", "team_id"]), what, "name the bot's own workspace");
        }
        Ok(true)
    }

    async fn ask_for_members(&self, group: &str, usergroup: &str) -> Result<(), String> {
        let path = ["group", group, "slack_usergroup"];
        let Some(members) = self.heard(self.api.members(self.token, usergroup).await, &path)? else { return Ok(()) };
        let is_member = |user: &Option<String>| user.as_ref().is_some_and(|user| members.contains(user));
        let known = self.config.approvers.iter().filter(|person| is_member(&person.slack_user));
        let known: Vec<&str> = known.map(|person| person.name.as_str()).collect();
        if known.is_empty() {
            let what = format!("none of its members now ({}) is the slack_user of an approver", members.len());
            let remedy = "add an [[approver]] with slack_user for everybody who can be in it";
            self.findings.warning(&self.config.locator.spot(&path), what, remedy);
        } else {
            say(&format!("group {group}: now {}, of {} in Slack's {usergroup}\n", known.join(", "), members.len()));
        }
        Ok(())
    }

    /// What Slack answered. None where it refused for good, which is the fault of what stands at `path`.
    fn heard<T>(&self, answer: Result<T, SlackError>, path: &[&str]) -> Result<Option<T>, String> {
        match answer {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if error.is_final() => {
                let spot = self.config.locator.spot(path);
                let remedy =
                    error.remedy(&spot.key).unwrap_or_else(|| "see what Slack's documentation says of it".to_owned());
                self.findings.error(&spot, error.to_string(), remedy);
                Ok(None)
            }
            Err(error) => Err(format!("Slack at {}: {error}", self.api.base())),
        }
    }
}
