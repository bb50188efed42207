use tidegate_domain::rules::Direction::{self, AboveExpected, BelowExpected, Both};

use super::{NoSeries, looked_at};

fn check(rule: &str, expected: &[(&str, Direction)]) {
    let found = looked_at(rule).unwrap_or_else(|why| panic!("{rule}: {why}"));
    let found: Vec<(&str, Direction)> = found.iter().map(|looked| (looked.expr.as_str(), looked.side)).collect();
    assert_eq!(found, expected, "{rule}");
}

#[test]
fn a_comparison_is_taken_off_and_tells_the_side() {
    for (rule, expr, side) in [
        ("batch_utilisation > 0.9", "batch_utilisation", AboveExpected),
        ("batch_utilisation>0.9", "batch_utilisation", AboveExpected),
        ("0.9 <= batch_utilisation", "batch_utilisation", AboveExpected),
        ("(((x))) < -5", "x", BelowExpected),
        ("up == 0", "up", Both),
        ("kube_node_spec_unschedulable != 0", "kube_node_spec_unschedulable", Both),
        ("x > 60 * 60", "x", AboveExpected),
        ("14.4 * (1 - 0.999) < slo:errors:rate1h", "slo:errors:rate1h", AboveExpected),
        ("1e3 > x", "x", BelowExpected),
        ("+Inf != x", "x", Both),
        ("scalar(limit{job=\"a\"}) <= x", "x", AboveExpected),
        ("time() - last_success_timestamp > 3600", "time() - last_success_timestamp", AboveExpected),
        ("vector(time()) > last_seen", "last_seen", BelowExpected),
        ("x > # five\n 5 # and no more", "x", AboveExpected),
        ("(x # four > 4\n) > 5", "x", AboveExpected),
    ] {
        check(rule, &[(expr, side)]);
    }
}

/// In the style of the rules that people have, from Kubernetes' mixins and from collections.
#[test]
fn rules_that_people_have() {
    for (rule, expr, side) in [
        (
            r#"histogram_quantile(0.99, sum by (le, job) (rate(http_request_duration_seconds_bucket{job!~"batch|cron"}[5m]))) > 1"#,
            r#"histogram_quantile(0.99, sum by (le, job) (rate(http_request_duration_seconds_bucket{job!~"batch|cron"}[5m])))"#,
            AboveExpected,
        ),
        (
            "(\n  node_filesystem_avail_bytes{fstype!=\"\"} / node_filesystem_size_bytes{fstype!=\"\"} * 100 < 5\nand\n  node_filesystem_readonly{fstype!=\"\"} == 0\n)",
            "node_filesystem_avail_bytes{fstype!=\"\"} / node_filesystem_size_bytes{fstype!=\"\"} * 100",
            BelowExpected,
        ),
        (
            "(kube_deployment_spec_replicas{job=\"ksm\"} > kube_deployment_status_replicas_available{job=\"ksm\"}) and (changes(kube_deployment_status_replicas_updated{job=\"ksm\"}[10m]) == 0)",
            "kube_deployment_spec_replicas{job=\"ksm\"}",
            AboveExpected,
        ),
        (
            "max_over_time(kube_pod_container_status_waiting_reason{reason=\"CrashLoopBackOff\"}[5m]) >= 1",
            "max_over_time(kube_pod_container_status_waiting_reason{reason=\"CrashLoopBackOff\"}[5m])",
            AboveExpected,
        ),
        (
            "sum by (namespace, pod) (max by (namespace, pod) (kube_pod_status_phase{phase=~\"Pending|Unknown\"} == 1) * on (namespace, pod) group_left (owner_kind) kube_pod_owner{owner_kind!=\"Job\"}) > 0",
            "sum by (namespace, pod) (max by (namespace, pod) (kube_pod_status_phase{phase=~\"Pending|Unknown\"} == 1) * on (namespace, pod) group_left (owner_kind) kube_pod_owner{owner_kind!=\"Job\"})",
            AboveExpected,
        ),
        (
            "predict_linear(node_filesystem_avail_bytes[6h], 24*60*60) < 0",
            "predict_linear(node_filesystem_avail_bytes[6h], 24*60*60)",
            BelowExpected,
        ),
        (
            "sum(rate(errors_total[5m])) by (job) / sum(rate(requests_total[5m])) by (job) > 0.05",
            "sum(rate(errors_total[5m])) by (job) / sum(rate(requests_total[5m])) by (job)",
            AboveExpected,
        ),
        (
            "100 - (avg by (instance) (irate(node_cpu_seconds_total{mode=\"idle\"}[5m])) * 100) > 80",
            "100 - (avg by (instance) (irate(node_cpu_seconds_total{mode=\"idle\"}[5m])) * 100)",
            AboveExpected,
        ),
        (
            "rate(node_network_receive_errs_total[2m]) / rate(node_network_receive_packets_total[2m]) > 0.01 unless on (instance) maintenance == 1",
            "rate(node_network_receive_errs_total[2m]) / rate(node_network_receive_packets_total[2m])",
            AboveExpected,
        ),
        (
            "mysql_slave_status_seconds_behind_master - mysql_slave_status_sql_delay > 30",
            "mysql_slave_status_seconds_behind_master - mysql_slave_status_sql_delay",
            AboveExpected,
        ),
        ("count by (job) (up{job=\"etcd\"} == 0) > 1", "count by (job) (up{job=\"etcd\"} == 0)", AboveExpected),
        ("queue_length offset 5m > 100", "queue_length offset 5m", AboveExpected),
        ("queue_length @ 1609746000 > bool 100", "queue_length @ 1609746000", AboveExpected),
        ("delta(temperature[1h:1m]) > 5 < 50", "delta(temperature[1h:1m])", Both),
        (r#"{"größe.gesamt", "k8s.pod"=~".+"} >= 5"#, r#"{"größe.gesamt", "k8s.pod"=~".+"}"#, AboveExpected),
    ] {
        check(rule, &[(expr, side)]);
    }
}

#[test]
fn series_are_compared_with_series() {
    check("requests > on (instance) group_left () limit", &[("requests", AboveExpected)]);
    check("free < ignoring (kind) 0.1 * total", &[("free", BelowExpected)]);
    check("used > bool reserved", &[("used", AboveExpected)]);
}

#[test]
fn each_side_of_an_or_may_have_raised_the_alert() {
    check("a > 1 or b < 2", &[("a", AboveExpected), ("b", BelowExpected)]);
    check("(a > 1 or on (x) b < 2) or c == 0", &[("a", AboveExpected), ("b", BelowExpected), ("c", Both)]);
    check("absent(a) or b > 5", &[("b", AboveExpected)]);
    check("b > 5 or vector(0)", &[("b", AboveExpected)]);
    // The sum of both is one series.
    check("(a or b) > 1", &[("a or b", AboveExpected)]);
    let rules = |rule| looked_at(rule).map(|sides| sides.into_iter().map(|side| side.rule).collect::<Vec<_>>());
    assert_eq!(rules("a > 1 and c or (b < 2)"), Ok(vec!["a > 1 and c".to_owned(), "(b < 2)".to_owned()]));
    let many = (0..20).map(|n| format!("a{n} > 1")).collect::<Vec<_>>().join(" or ");
    assert_eq!(looked_at(&many).map(|sides| sides.len()), Ok(4));
}

#[test]
fn what_only_narrows_is_not_judged() {
    check("a > 1 and b > 2 and c > 3", &[("a", AboveExpected)]);
    check("a and on (x) b < 2", &[("b", BelowExpected)]);
    check("(a and b > 2) > 5", &[("a", AboveExpected)]);
    check("(a unless b > 2) < 5", &[("a", BelowExpected)]);
    check("a > 1 if b < 2", &[("a", AboveExpected)]);
    check("a > 1 default 0", &[("a", AboveExpected)]);
    assert_eq!(looked_at("a unless b > 2"), Err(NoSeries::NoComparison));
}

#[test]
fn comparisons_of_comparisons() {
    check("(a > bool 5) == 1", &[("a", AboveExpected)]);
    check("(a > bool 5) == 0", &[("a", BelowExpected)]);
    check("(a < bool 5) > 0", &[("a", BelowExpected)]);
    check("1 > (a >= bool 5)", &[("a", BelowExpected)]);
    check("(a > bool 5) == b", &[("a", Both)]);
    check("0 < x <= 5", &[("x", Both)]);
    check("(x > 5) > 3", &[("x", AboveExpected)]);
}

#[test]
fn metrics_may_be_called_as_operators_are() {
    check("or > 1 or and < 2", &[("or", AboveExpected), ("and", BelowExpected)]);
    check("sum by (or) (x) > 1", &[("sum by (or) (x)", AboveExpected)]);
    check("a{b=\" > 3 or \"} > 1", &[("a{b=\" > 3 or \"}", AboveExpected)]);
    check("a{b=\"@ end()\"} > 1", &[("a{b=\"@ end()\"}", AboveExpected)]);
}

#[test]
fn where_there_is_no_series_to_judge_the_reason_is_told() {
    for (rule, why) in [
        ("vector(1)", NoSeries::NoComparison),
        ("up", NoSeries::NoComparison),
        ("", NoSeries::NoComparison),
        ("ALERTS{alertstate=\"firing\"}", NoSeries::NoComparison),
        ("absent(up{job=\"api\"})", NoSeries::Absence),
        ("absent(up{job=\"api\"}) == 1", NoSeries::Absence),
        ("absent_over_time(up[5m])", NoSeries::Absence),
        ("1 > 0", NoSeries::OnlyNumbers),
        ("time() > 0", NoSeries::OnlyNumbers),
        ("sum(queue_length @ end()) > 5", NoSeries::Pinned),
        ("queue_length @start() > 5", NoSeries::Pinned),
    ] {
        assert_eq!(looked_at(rule), Err(why), "{rule}");
    }
    for rule in ["(up > 1", "up > 1)", "up{a=\"} > 1", "up >/ 1", "up =~ 1", &"(".repeat(10_000), &"(".repeat(90)] {
        assert!(matches!(looked_at(rule), Err(NoSeries::Unreadable(_))), "{rule:?}");
    }
    let nested = "(".repeat(80) + "up > 1" + &")".repeat(80);
    assert!(matches!(looked_at(&nested), Err(NoSeries::Unreadable(_))));
}
