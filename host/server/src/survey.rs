//! Looks at `up` once a minute: when many targets are down at once, the cause is larger than any one repair.

use std::sync::Arc;
use std::time::Duration;

use tidegate_domain::input::Input;

use crate::host::Host;
use crate::prometheus::InstantValue;

const EVERY: Duration = Duration::from_secs(60);

/// Runs until the host stops.
pub(crate) async fn run(host: Arc<Host>) {
    let mut ticks = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            () = host.stopped() => return,
            _ = ticks.tick() => {}
        }
        // No answer is no survey; that Prometheus is down shows elsewhere.
        if let Some((down, total)) = count(&host).await {
            // A host without watches is ready as soon as Prometheus answers at all.
            host.unready.send_if_modified(|why| why.take().is_some());
            host.keeper.insist(Input::TargetsSurveyed { down, total }).await;
        }
    }
}

async fn count(host: &Host) -> Option<(usize, usize)> {
    let answer = host.setup().prometheus.query("up").await.ok()?;
    let InstantValue::Vector(samples) = answer.value else { return None };
    let down = samples.iter().filter(|sample| sample.value == 0.0).count();
    Some((down, samples.len()))
}
