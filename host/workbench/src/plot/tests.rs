//! What a picture holds, however odd the series.

use expect_test::expect;

use super::*;

const MINUTE: i64 = 60_000;
const STEP: u64 = 60_000;

fn point(at: i64, value: f64, band: Option<Band>) -> Point {
    Point { at: at * MINUTE, value, band }
}

fn normal(value: f64) -> Option<Band> {
    Some(Band { anomalous: false, score: 0.5, expected: value, lower: value - 1.0, upper: value + 1.0 })
}

fn anomalous() -> Option<Band> {
    Some(Band { anomalous: true, score: 3.0, expected: 10.0, lower: 9.0, upper: 11.0 })
}

fn draw(points: &[Point]) -> String {
    let svg = svg(&Chart { title: "t", subtitle: "s", points, step_ms: STEP }, Size::default());
    well_formed(&svg);
    for nonsense in ["NaN", "inf", "<script"] {
        assert!(!svg.contains(nonsense), "{nonsense} in {svg}");
    }
    svg
}

/// Every element is closed in its order, and nothing but elements holds a `<`.
fn well_formed(svg: &str) {
    let mut open = Vec::new();
    for part in svg.split('<').skip(1) {
        let (tag, _) = part.split_once('>').expect("an end of the tag");
        let name = tag.split([' ', '/']).next().unwrap_or_default();
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name.to_owned()), "{tag}");
        } else if !tag.ends_with('/') {
            open.push(name.to_owned());
        }
    }
    assert!(open.is_empty(), "left open: {open:?}");
}

fn path<'a>(svg: &'a str, class: &str) -> &'a str {
    let begin = format!("<path class=\"{class}\" d=\"");
    svg.split_once(&begin).and_then(|(_, rest)| rest.split_once('"')).map_or("", |(path, _)| path)
}

fn markers(svg: &str) -> usize {
    svg.matches("<circle class=\"tg-anomaly\" cx").count() - svg.matches("cx=\"10\" cy=\"-4\"").count()
}

#[test]
fn a_small_chart_in_full() {
    let points = [
        point(0, 10.0, None),
        point(1, 10.5, normal(10.0)),
        point(2, 9.5, normal(10.2)),
        point(4, 20.0, anomalous()),
        point(5, 10.0, normal(10.0)),
    ];
    let chart = Chart { title: "queue {job=\"<a&b>\"}", subtitle: "5 samples", points: &points, step_ms: STEP };
    let svg = svg(&chart, Size { width: 400, height: 240 });
    well_formed(&svg);
    expect![[r#"
        <svg xmlns="http://www.w3.org/2000/svg" class="tg-chart" viewBox="0 0 400 240" width="400" height="240" role="img">
        <title>queue {job=&quot;&lt;a&amp;b&gt;&quot;}</title>
        <desc>5 samples</desc>
        <style>
        </style>
        <rect class="tg-paper" width="400" height="240"/>
        <text class="tg-title" x="29" y="22">queue {job=&quot;&lt;a&amp;b&gt;&quot;}</text>
        <text class="tg-small" x="29" y="40">5 samples</text>
        <path class="tg-grid" d="M29 146.2h347.0"/><text class="tg-small tg-end" x="21.0" y="150.2">10</text>
        <path class="tg-grid" d="M29 101.5h347.0"/><text class="tg-small tg-end" x="21.0" y="105.5">15</text>
        <path class="tg-grid" d="M29 56.9h347.0"/><text class="tg-small tg-end" x="21.0" y="60.9">20</text>
        <path class="tg-tick" d="M29.0 160.0v5"/><text class="tg-small tg-middle" x="29.0" y="178.0">00:00</text>
        <text class="tg-small tg-middle" x="29.0" y="191.0">Jan 1 UTC</text>
        <path class="tg-tick" d="M167.8 160.0v5"/><text class="tg-small tg-middle" x="167.8" y="178.0">00:02</text>
        <path class="tg-tick" d="M306.6 160.0v5"/><text class="tg-small tg-middle" x="306.6" y="178.0">00:04</text>
        <path class="tg-tick" d="M29 160.0h347.0"/>
        <svg x="29" y="52" width="347.0" height="108.0" overflow="hidden">
        <rect class="tg-unjudged" x="-20.0" y="0" width="40.0" height="108.0"/>
        <path class="tg-band" d="M69.4 85.2L138.8 83.5L138.8 101.3L69.4 103.1ZM277.6 85.2L347.0 85.2L347.0 103.1L277.6 103.1Z"/>
        <path class="tg-value" d="M0.0 94.2L69.4 89.7L138.8 98.6M277.6 4.9L347.0 94.2"/>
        <path class="tg-expected" d="M69.4 94.2L138.8 92.4M277.6 94.2L347.0 94.2"/>
        <circle class="tg-anomaly" cx="277.6" cy="4.9" r="4"><title>1970-01-01T00:04:00Z: 20, expected 10 (9 to 11), score 3</title></circle>
        </svg>
        <g transform="translate(16.0 212.0)"><path class="tg-value" d="M0 -4h20"/><text class="tg-small" x="27">value</text></g>
        <g transform="translate(93.5 212.0)"><path class="tg-expected" d="M0 -4h20"/><text class="tg-small" x="27">expected</text></g>
        <g transform="translate(190.5 212.0)"><rect class="tg-band" y="-10" width="20" height="12"/><text class="tg-small" x="27">expected band</text></g>
        <g transform="translate(16.0 232.0)"><circle class="tg-anomaly" cx="10" cy="-4" r="4"/><text class="tg-small" x="27">anomalous</text></g>
        <g transform="translate(119.5 232.0)"><rect class="tg-unjudged" y="-10" width="20" height="12"/><text class="tg-small" x="27">not judged</text></g>
        </svg>
    "#]].assert_eq(&svg.replace(STYLE, ""));
}

#[test]
fn a_gap_in_the_data_is_a_gap_in_the_line() {
    let steady = |minutes: &[i64]| -> Vec<Point> { minutes.iter().map(|&at| point(at, 1.0, normal(1.0))).collect() };
    for (minutes, lines) in [(vec![0, 1, 2, 3], 1), (vec![0, 1, 3, 4], 2), (vec![0, 2, 4], 3), (vec![7], 1)] {
        let svg = draw(&steady(&minutes));
        for class in ["tg-value", "tg-expected", "tg-band"] {
            assert_eq!(path(&svg, class).matches('M').count(), lines, "{class}, {minutes:?}");
        }
    }
    let mut points = steady(&[0, 1, 2, 3, 4]);
    points[2].value = f64::NAN;
    assert_eq!(path(&draw(&points), "tg-value").matches('M').count(), 2, "NaN is no value");
}

#[test]
fn a_long_series_is_small_and_no_anomaly_is_lost() {
    let spikes = [123, 4_567, 50_000, 50_010, 99_999];
    let points: Vec<Point> = (0..100_000)
        .map(|at| {
            let value = 10.0 + (at as f64 / 300.0).sin();
            if spikes.contains(&at) { point(at, 20.0, anomalous()) } else { point(at, value, normal(10.0)) }
        })
        .collect();
    let svg = draw(&points);
    assert!(svg.len() < 150_000, "{} bytes", svg.len());
    // Two of them are a tenth of a pixel apart; both reach the top of the line at their places.
    assert_eq!(markers(&svg), 5, "all of them, two at one place");

    let noise: Vec<Point> = (0..100_000).map(|at| point(at, f64::from(at as i32 * 7919 % 1000), anomalous())).collect();
    let svg = draw(&noise);
    assert!(svg.len() < 300_000, "{} bytes", svg.len());
    let told: u64 = svg
        .split("the worst of ")
        .skip(1)
        .filter_map(|rest| rest.split(' ').next()?.replace(',', "").parse::<u64>().ok())
        .sum();
    let alone = markers(&svg) - svg.matches("the worst of").count();
    assert_eq!(told + alone as u64, 100_000);

    let holes: Vec<Point> =
        (0..100_000).map(|at| point(at * 3, 1.0, if at % 2 == 0 { None } else { normal(1.0) })).collect();
    assert!(draw(&holes).len() < 150_000);
}

#[test]
fn odd_series_are_drawn_as_well() {
    let endless =
        Some(Band { anomalous: false, score: 0.0, expected: 1.0, lower: f64::NEG_INFINITY, upper: f64::INFINITY });
    let wide = Some(Band { anomalous: false, score: 0.0, expected: 1e308, lower: -1e308, upper: 1e308 });
    for points in [
        vec![],
        vec![point(0, 1.0, None)],
        vec![point(0, f64::NAN, None), point(1, f64::INFINITY, None)],
        vec![point(0, 0.0, None), point(1, 0.0, normal(0.0))],
        vec![point(0, 5.0, endless), point(1, 5.0, endless)],
        vec![point(0, 1.0, wide), point(1, f64::MAX, wide), point(2, f64::MIN, anomalous())],
        vec![point(0, 1e-320, None), point(1, 2e-320, None)],
        vec![Point { at: i64::MIN, value: 1.0, band: None }, Point { at: i64::MAX, value: 2.0, band: None }],
    ] {
        let svg = draw(&points);
        assert!(svg.len() < 10_000 + STYLE.len(), "{points:?}");
    }
}

#[test]
fn texts_from_outside_stay_texts() {
    let title = "</title><script>alert(1)</script>\u{1b}[2J\u{202e}\u{ffff}".repeat(50);
    let chart = Chart { title: &title, subtitle: "\"'&", points: &[], step_ms: 0 };
    let svg = svg(&chart, Size { width: 1, height: 1 });
    well_formed(&svg);
    assert!(svg.contains("&lt;script&gt;") && !svg.contains("<script"), "{svg}");
    assert!(!svg.contains(['\u{1b}', '\u{202e}', '\u{ffff}']));
    assert!(svg.len() < 10_000 + STYLE.len());
}
