//! The page, in a real browser, and by hand where a browser would not do what an attacker does.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::alertmanager::Alertmanager;
use crate::support::browser::{Browser, ENTER, Kind, TAB};
use crate::support::fake_prometheus::FakePrometheus;
use crate::support::http::{raw, status};
use crate::support::listener::{Listener, Reply};
use crate::support::target::Target;
use crate::support::tidegate::{SENDER_TOKEN, TOKEN, Tidegate};
use crate::support::{delivery, eventually, free_address};

mod opinions;

const BOB: &str = "a-token-that-only-bob-knows";
const VERA: &str = "a-token-that-only-vera-knows";

/// Beside alice, who is an admin: bob may approve, vera may look.
const CONFIG: &str = r#"
[prometheus]
url = "http://prometheus"

[[approver]]
name = "bob"
token_file = "bob"

[[approver]]
name = "vera"
role = "view"
token_file = "vera"

[gate]
deadline = "1h"

[storm]
incidents = 1000

[[alert_route]]
name = "alerts"
match = ['alertname="QueueTooLong"']
remediation = { guest = "runbook", settings = { rules = [{ action = "restart", summary = "Restart {{service}}" }] } }
actions = ["restart"]

[action.restart]
kind = "http"
url = "http://target/repair"
target = ["service"]
risk = "medium"
"#;

struct House {
    tidegate: Tidegate,
    target: Target,
    prometheus: FakePrometheus,
}

fn house() -> House {
    house_with("")
}

fn house_with(more: &str) -> House {
    let (prometheus, target) = (FakePrometheus::start(), Target::start());
    let tidegate = Tidegate::new();
    tidegate.write_secret("bob", BOB);
    tidegate.write_secret("vera", VERA);
    let mut house = House { tidegate, target, prometheus };
    house.configure(more);
    house.tidegate.run();
    house
}

impl House {
    fn configure(&self, more: &str) {
        let around = [("prometheus", self.prometheus.address()), ("target", self.target.address())];
        self.tidegate.configure(&format!("{CONFIG}{more}"), &around);
    }

    /// An alert about this service, and the request that follows from it.
    fn asked(&self, service: &str) -> Value {
        self.tidegate.deliver(&delivery("firing", "QueueTooLong", service)).good();
        self.tidegate.pending_for(service)
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.tidegate.address())
    }

    /// A browser in which somebody has logged in.
    fn browser(&self, kind: Kind, token: &str) -> Browser {
        let browser = Browser::start_as(kind);
        browser.go(&self.url("/"));
        sign_in(&browser, token);
        browser.wait_for("header.top", "Sign out");
        browser
    }
}

fn sign_in(browser: &Browser, token: &str) {
    browser.write("#token", &format!("{token}{ENTER}"));
}

fn id(thing: &Value) -> &str {
    thing["id"].as_str().expect("an id")
}

#[test]
fn who_has_no_token_sees_nothing_and_who_guesses_is_made_to_wait() {
    let house = house();
    house.asked("checkout");
    let browser = Browser::start();
    for path in ["/", "/incidents/i1", "/requests/r1-abcd", "/guests"] {
        browser.go(&house.url(path));
        assert!(browser.place().contains("/login"), "{path} leads to {}", browser.place());
        assert!(!browser.text("body").contains("checkout"), "{path} tells nothing");
    }
    browser.go(&house.url("/login"));
    sign_in(&browser, "not-a-token-of-anybody");
    browser.wait_for(".flash.bad", "belongs to nobody");
    sign_in(&browser, SENDER_TOKEN);
    browser.wait_for(".flash.bad", "sender");
    assert!(browser.cookies().is_empty(), "nobody is logged in: {:?}", browser.cookies());
    // The browser has failed twice; the rest by hand, which is the same address.
    for _ in 0..8 {
        assert_eq!(status(&log_in(house.tidegate.address(), "another-wrong-token")), 401);
    }
    let refused = log_in(house.tidegate.address(), BOB);
    assert_eq!(status(&refused), 429, "the right one is not listened to either: {refused}");
    assert!(refused.to_ascii_lowercase().contains("retry-after:"), "{refused}");
}

#[test]
fn a_request_is_approved_and_another_surface_is_seen_without_loading_again() {
    let house = house();
    let first = house.asked("checkout");
    let browser = house.browser(Kind::default(), BOB);
    let card = format!("#card-{}", id(&first));
    for shown in ["restart", "service=checkout", "What will run", "POST http://", "left until"] {
        assert!(
            browser.text(&card).to_lowercase().contains(&shown.to_lowercase()),
            "{shown} in {}",
            browser.text(&card)
        );
    }
    browser.click(&format!("#yes-{} summary", id(&first)));
    browser.write(&format!("#yes-{} textarea", id(&first)), "the pool is full");
    browser.click(&format!("#yes-{} button", id(&first)));
    browser.wait_for("#flash", "Approved");
    let decided = house.tidegate.request_when(&first, "the action ends", |r| r["execution"]["outcome"] == "succeeded");
    assert_eq!(decided["decided"]["by"], "bob");
    assert_eq!(decided["decided"]["surface"], "page");
    assert_eq!(house.target.repairs().len(), 1);

    // What comes later shows without anybody loading the page again, and nothing that is being typed is lost by it.
    browser.run("window.same = true");
    let second = house.asked("search");
    browser.wait_for("#waiting", "search");
    let field = format!("#no-{} textarea", id(&second));
    browser.click(&format!("#no-{} summary", id(&second)));
    browser.write(&field, "half a sent");
    let third = house.asked("mail");
    browser.wait_for("#waiting", "mail");
    assert!(house.tidegate.approve(&third).status == 200);
    eventually("the card of what was decided elsewhere goes", || {
        (!browser.is_there(&format!("#card-{}", id(&third)))).then_some(())
    });
    assert_eq!(browser.run(&format!("return document.querySelector('{field}').value")), "half a sent");
    let focused = browser.run("return document.activeElement.name");
    assert_eq!(focused, "reason", "and the focus is where it was");
    assert_eq!(browser.run("return window.same"), true, "the page was never loaded again");
    browser.wait_for("#news", "1 request waits");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn a_denial_needs_a_reason_and_teaches_the_next_one() {
    let house = house();
    let request = house.asked("checkout");
    let browser = house.browser(Kind::default(), BOB);
    browser.go(&house.url(&format!("/requests/{}", id(&request))));
    let form = format!("#no-{}", id(&request));
    browser.click(&format!("{form} summary"));
    browser.click(&format!("{form} button"));
    assert!(browser.is_there(&format!("{form} textarea:invalid")), "the browser itself asks for one");
    // Another browser may not ask. At once, because the page makes itself again what the host says.
    browser.run(&format!(
        "const form = document.querySelector('{form} form'); form.noValidate = true; form.requestSubmit()"
    ));
    browser.wait_for("#flash", "A denial needs a reason");
    assert_eq!(house.tidegate.request(&request)["status"], "pending");

    browser.click(&format!("{form} summary"));
    browser.write(&format!("{form} textarea"), "a deploy <b>is</b> going on");
    browser.click(&format!("{form} button"));
    browser.wait_for("#flash", "Denied");
    let denied = house.tidegate.request(&request);
    assert_eq!(denied["status"], "denied");
    assert_eq!(denied["decided"]["reason"], "a deploy <b>is</b> going on");
    assert!(browser.text("main").contains("a deploy <b>is</b> going on"), "as text, not as a tag");
    assert!(browser.place().ends_with(&format!("/requests/{}", id(&request))), "back to where the form was");
    assert!(house.target.repairs().is_empty());
}

#[test]
fn everything_is_read_and_decided_without_a_script() {
    let house = house();
    let request = house.asked("checkout");
    let browser = house.browser(Kind { without_script: true, ..Kind::default() }, BOB);
    assert!(!browser.text(".foot").contains("live"), "no script runs");
    assert!(browser.text(&format!("#card-{}", id(&request))).contains("left until"));
    browser.click(&format!("#card-{} h3 a", id(&request)));
    browser.click(&format!("#yes-{} summary", id(&request)));
    browser.click(&format!("#yes-{} button", id(&request)));
    browser.wait_for("#flash", "Approved");
    house.tidegate.request_when(&request, "the action ends", |r| r["execution"]["outcome"] == "succeeded");
    browser.go(&house.url("/incidents/i1"));
    let text = browser.text("main");
    for part in ["Timeline", "Evidence", "approved by bob (page from 127.0.0.1", "QueueTooLong"] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn a_keyboard_is_enough() {
    let house = house();
    let request = house.asked("checkout");
    let browser = house.browser(Kind::default(), BOB);
    browser.run("document.body.focus()");
    browser.press(TAB);
    assert_eq!(browser.run("return document.activeElement.textContent"), "Skip to the content");
    let outline = "return getComputedStyle(document.activeElement).outlineStyle";
    assert_eq!(browser.run(outline), "solid", "the focus shows");
    browser.press(ENTER);
    let summary = format!("return document.activeElement.matches('#yes-{} summary')", id(&request));
    tab_until(&browser, &summary);
    assert_eq!(browser.run(outline), "solid", "the focus shows");
    browser.press(ENTER);
    eventually("the field has the focus", || {
        (browser.run("return document.activeElement.name") == "reason").then_some(())
    });
    tab_until(&browser, &format!("return document.activeElement.matches('#yes-{} button')", id(&request)));
    browser.press(ENTER);
    browser.wait_for("#flash", "Approved");
    assert_eq!(house.tidegate.request(&request)["decided"]["by"], "bob");
}

fn tab_until(browser: &Browser, there: &str) {
    for _ in 0..40 {
        if browser.run(there) == true {
            return;
        }
        browser.press(TAB);
    }
    panic!("forty tabs do not lead there: {there}");
}

#[test]
fn nobody_decides_by_another_site() {
    let house = house();
    let request = house.asked("checkout");
    let browser = house.browser(Kind::default(), BOB);
    let (path, digest) = (format!("/requests/{}/approve", id(&request)), request["digest"].clone());
    let form = format!(
        "<form method=post action='{}'><input name=digest value='{}'><button>win a prize</button></form>",
        house.url(&path),
        digest.as_str().expect("a digest")
    );
    // Another port is another origin, though the same site: the cookie goes along, and nothing but the page's own check
    // is left.
    let evil = Listener::open(free_address(), move |_| Reply { content_type: "text/html", ..Reply::text(200, &form) });
    browser.go(&format!("http://{}/", evil.address()));
    browser.click("button");
    browser.wait_for("h1", "Refused");
    assert_eq!(house.tidegate.request(&request)["status"], "pending");
    assert!(house.target.repairs().is_empty());

    // By hand: with a session, but without what only its own pages hold.
    let address = house.tidegate.address();
    let session = cookie_of(&log_in(address, BOB));
    let own = format!("http://{address}");
    for (origin, token) in [(own.as_str(), "0".repeat(64)), ("http://evil.example", form_token(address, &session))] {
        let body = format!("form={token}&digest={}", digest.as_str().expect("a digest"));
        let answer = post(address, &path, &[("Cookie", &session), ("Origin", origin)], &body);
        assert_eq!(status(&answer), 403, "{origin}: {answer}");
    }
    for path in ["/pause", "/resume", "/logout", &path] {
        let answer = post(address, path, &[("Cookie", &session)], "form=x");
        assert_eq!(status(&answer), 403, "no word of where it comes from: {answer}");
        let answer = post(address, path, &[("Origin", &own)], "form=x");
        assert!(answer.contains("location: /login"), "nobody is logged in: {answer}");
    }
    assert_eq!(status(&post(address, "/login", &[("Origin", "http://evil.example")], &format!("token={BOB}"))), 403);
    assert_eq!(house.tidegate.request(&request)["status"], "pending");
    // The page takes no token, and the API no session.
    let token = format!("Bearer {TOKEN}");
    assert!(get(address, "/", &[("Authorization", &token)]).contains("location: /login"));
    assert_eq!(status(&get(address, "/api/v1/approvals", &[("Cookie", &session)])), 401);
}

#[test]
fn a_form_that_shows_something_else_does_not_count() {
    let house = house();
    let request = house.asked("checkout");
    let address = house.tidegate.address();
    let session = cookie_of(&log_in(address, BOB));
    let own = format!("http://{address}");
    let path = format!("/requests/{}/approve", id(&request));
    for digest in ["", "digest=", &format!("digest={}", "0".repeat(64))] {
        let body = format!("form={}&{digest}", form_token(address, &session));
        let answer = post(address, &path, &[("Cookie", &session), ("Origin", &own)], &body);
        assert_eq!(status(&answer), 303, "{answer}");
        let shown = get(address, "/", &[("Cookie", &session)]);
        assert!(shown.contains("is not what was shown"), "{digest}: {shown}");
    }
    assert_eq!(house.tidegate.request(&request)["status"], "pending");
    // Somebody else is faster.
    house.tidegate.deny(&request, "not now").good();
    let body = format!("form={}&digest={}", form_token(address, &session), request["digest"].as_str().expect("one"));
    post(address, &path, &[("Cookie", &session), ("Origin", &own)], &body);
    let shown = get(address, "/", &[("Cookie", &session)]);
    assert!(shown.contains("is already denied by alice (http)"), "{shown}");
}

#[test]
fn a_session_ends_with_its_logout_and_with_its_token() {
    let house = house();
    let browser = house.browser(Kind::default(), BOB);
    let cookies = browser.cookies();
    let cookie = cookies.first().expect("a cookie");
    assert_eq!((cookie["name"].as_str(), cookie["httpOnly"].as_bool()), (Some("tidegate_session"), Some(true)));
    assert_eq!((cookie["sameSite"].as_str(), cookie["path"].as_str()), (Some("Strict"), Some("/")));
    let held = format!("tidegate_session={}", cookie["value"].as_str().expect("a value"));
    let address = house.tidegate.address();
    assert_eq!(status(&get(address, "/", &[("Cookie", &held)])), 200);
    browser.click("form.me button");
    browser.wait_for("h1", "Sign in");
    assert_eq!(status(&get(address, "/", &[("Cookie", &held)])), 303, "what was copied is of no use any more");
    assert!(browser.cookies().is_empty());

    let vera = cookie_of(&log_in(address, VERA));
    assert_eq!(status(&get(address, "/", &[("Cookie", &vera)])), 200);
    house.tidegate.write_secret("vera", "another-token-of-vera");
    house.tidegate.post("/-/reload", &Value::Null);
    assert_eq!(status(&get(address, "/", &[("Cookie", &vera)])), 303, "her token is another one");
}

#[test]
fn who_may_only_look_is_offered_nothing_and_can_do_nothing() {
    let house = house();
    let request = house.asked("checkout");
    let browser = house.browser(Kind::default(), VERA);
    let card = browser.text(&format!("#card-{}", id(&request)));
    assert!(card.contains("not an approver"), "and is told why: {card}");
    for form in ["details.choice", "details.pause", "form[action='/resume']"] {
        assert!(!browser.is_there(form), "{form}");
    }
    let address = house.tidegate.address();
    let session = cookie_of(&log_in(address, VERA));
    let own = format!("http://{address}");
    let form = form_token(address, &session);
    for path in [format!("/requests/{}/approve", id(&request)), "/pause".to_owned()] {
        let body = format!("form={form}&reason=x&digest={}", request["digest"].as_str().expect("one"));
        post(address, &path, &[("Cookie", &session), ("Origin", &own)], &body);
    }
    assert_eq!(house.tidegate.request(&request)["status"], "pending");
    assert_eq!(house.tidegate.metric("tidegate_paused", ""), 0.0);
}

#[test]
fn whoever_may_decide_pauses_and_an_admin_resumes() {
    let house = house();
    let bob = house.browser(Kind::default(), BOB);
    bob.click("#pause summary");
    bob.click("#pause button");
    bob.wait_for("#notices", "All repairs are paused by bob (page from 127.0.0.1");
    assert!(!bob.is_there("form[action='/resume']"), "that is for admins");
    assert_eq!(house.tidegate.metric("tidegate_paused", ""), 1.0);
    let alice = house.browser(Kind::default(), TOKEN);
    alice.go(&house.url("/guests"));
    alice.click("form[action='/resume'] button");
    alice.wait_for("#flash", "Repairs go on");
    assert!(alice.place().ends_with("/guests"));
    eventually("bob sees it without loading again", || (!bob.text("#notices").contains("paused")).then_some(()));
    assert_eq!(house.tidegate.metric("tidegate_paused", ""), 0.0);
}

#[test]
fn a_link_on_another_site_leads_to_the_page_and_not_to_a_login() {
    let house = house();
    let request = house.asked("checkout");
    let path = format!("/requests/{}", id(&request));
    let browser = house.browser(Kind::default(), BOB);
    let link = format!("<a href='{}'>decide</a>", house.url(&path));
    let chat = Listener::open(free_address(), move |_| Reply { content_type: "text/html", ..Reply::text(200, &link) });
    // `localhost` is another site than 127.0.0.1: the browser leaves out what is `SameSite=Strict`.
    browser.go(&format!("http://localhost:{}/", chat.address().port()));
    browser.click("a");
    browser.wait_for("h1", "restart");
    assert!(browser.place().ends_with(&path), "{}", browser.place());
}

#[test]
fn every_page_is_clean_labelled_and_fits_any_screen() {
    // With an Alertmanager, so that there is something to silence in.
    let house = house();
    let alertmanager = Alertmanager::start(house.tidegate.address());
    house.configure(&format!("\n[alertmanager]\nurl = \"http://{}\"\n", alertmanager.address()));
    house.tidegate.post("/-/reload", &Value::Null);
    let asked = |service: &str| {
        alertmanager.send(&json!({ "alertname": "QueueTooLong", "service": service }), true);
        house.tidegate.pending_for(service)
    };
    let request = asked("checkout");
    asked("<img src=x onerror=alert(1)>");
    asked("mail");
    let silenced = json!({ "for": "2h", "comment": "<img src=x onerror=alert(1)>" });
    house.tidegate.post("/api/v1/incidents/i3/silence", &silenced).good();
    let desk = Kind::default();
    for (name, kind) in [("desk", desk), ("phone", Kind { phone: true, dark: true, ..desk })] {
        let browser = house.browser(kind, TOKEN);
        let request = format!("/requests/{}", id(&request));
        let pages = [
            ("now", "/"),
            ("guests", "/guests"),
            ("incident", "/incidents/i1"),
            ("silenced", "/incidents/i3"),
            ("nothing", "/incidents/i99"),
            ("request", request.as_str()),
        ];
        for (page, path) in pages {
            browser.go(&house.url(path));
            if page == "request" {
                browser.click("details.hush summary");
            }
            keep(&format!("{name}-{page}"), &browser.picture());
            assert_eq!(browser.run(FAULTS), json!([]), "{name} {path}");
            let mut complaints = browser.complaints();
            // That it is not there, the browser says itself.
            complaints.retain(|complaint| path != "/incidents/i99" || !complaint.contains("404"));
            assert_eq!(complaints, Vec::<String>::new(), "{name} {path}");
        }
    }
}

/// For people to look at: the folder is named when it cannot be written.
fn keep(name: &str, picture: &[u8]) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("page");
    let file = folder.join(format!("{name}.png"));
    let kept = fs::create_dir_all(&folder).and_then(|()| fs::write(&file, picture));
    kept.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
}

/// What a reader with a screen reader, a keyboard or a small screen would stumble over.
const FAULTS: &str = r#"
const faults = [];
const names = (element) => element.getAttribute("aria-label") || element.textContent.trim();
for (const field of document.querySelectorAll("input:not([type=hidden]), textarea, select")) {
  if (!field.labels.length) faults.push("no label: " + field.outerHTML);
}
for (const pressed of document.querySelectorAll("a, button, summary")) {
  if (!names(pressed)) faults.push("no name: " + pressed.outerHTML);
}
for (const region of document.querySelectorAll("section[aria-labelledby], article[aria-labelledby]")) {
  if (!document.getElementById(region.getAttribute("aria-labelledby"))) faults.push("no heading: " + region.id);
}
for (const image of document.querySelectorAll("img:not([alt])")) faults.push("no text for " + image.src);
const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
for (const id of new Set(ids)) if (ids.filter((other) => other === id).length > 1) faults.push("twice: " + id);
if (document.querySelectorAll("h1").length !== 1) faults.push("not one h1");
if (document.querySelectorAll("main").length !== 1) faults.push("not one main");
if (!document.documentElement.lang) faults.push("no language");
if (document.querySelector("[style], style, script:not([src]), [onclick]")) faults.push("something inline");
if (document.documentElement.scrollWidth > innerWidth) faults.push("wider than the screen: " + document.documentElement.scrollWidth);
for (const pressed of document.querySelectorAll("button, .choice > summary")) {
  const box = pressed.getBoundingClientRect();
  if (box.height > 0 && box.height < 24) faults.push("too small for a thumb: " + pressed.outerHTML);
}
return faults;
"#;

#[test]
fn what_stands_in_the_way_is_shown_by_its_name() {
    let house = house_with(
        "\n[[maintenance]]\nname = \"the move\"\nmatch = ['service=\"checkout\"']\n\
         from = \"2020-01-01T00:00\"\nuntil = \"2998-01-01T00:00\"\n",
    );
    house.tidegate.deliver(&delivery("firing", "QueueTooLong", "checkout")).good();
    let incident = house.tidegate.opened("alerts");
    house.tidegate.told(&incident, "proposal_refused");
    let address = house.tidegate.address();
    let cookie = cookie_of(&log_in(address, VERA));
    let page = get(address, &format!("/incidents/{}", id(&incident)), &[("Cookie", &cookie)]);
    assert!(page.contains("<code class=\"guard\">maintenance</code>"), "{page}");
    assert!(page.contains("the maintenance window the move is open until 2998-"), "{page}");
}

#[test]
fn a_storm_of_requests_makes_no_page_of_megabytes() {
    let house = house();
    let count = 260;
    for nth in 0..count {
        house.tidegate.deliver(&delivery("firing", "QueueTooLong", &format!("shop-{nth}"))).good();
    }
    let address = house.tidegate.address();
    let cookie = cookie_of(&log_in(address, BOB));
    let page = eventually("all of them wait", || {
        let page = get(address, "/", &[("Cookie", &cookie)]);
        page.contains(&format!("{count} requests wait for a decision")).then_some(page)
    });
    assert_eq!(page.matches("<article").count(), 20, "the first ones are shown whole");
    assert!(page.contains("And 40 more: <code>tidegate approval list</code>"));
    assert!(page.contains("And 60 more: <code>tidegate incident list</code>"));
    assert!(page.len() < 1 << 20, "{} bytes", page.len());
}

#[test]
fn pages_are_kept_by_nobody_and_assets_for_ever() {
    let house = house();
    let address = house.tidegate.address();
    let page = get(address, "/login", &[]);
    for header in [
        "cache-control: no-store",
        "x-content-type-options: nosniff",
        "x-frame-options: DENY",
        "default-src 'none'; script-src 'self'",
        "frame-ancestors 'none'",
    ] {
        assert!(page.contains(header), "{header} in {page}");
    }
    let style = page.split("href=\"").find(|rest| rest.starts_with("/assets/style.")).expect("a style sheet");
    let path = style.split('"').next().expect("a path");
    let asset = get(address, path, &[]);
    assert_eq!(status(&asset), 200);
    assert!(asset.contains("immutable") && asset.contains("text/css"), "{asset}");
    assert_eq!(status(&get(address, "/assets/style.0000000000000000.css", &[])), 404);
    assert_eq!(status(&get(address, "/events", &[])), 303, "nobody listens who is not known");
}

#[test]
fn the_host_ends_though_somebody_listens() {
    let mut house = house();
    let browser = house.browser(Kind::default(), BOB);
    browser.wait_for("#live", "live");
    assert!(house.tidegate.terminate().success(), "{}", house.tidegate.log());
    browser.wait_for("#live", "not up to date");
}

fn get(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> String {
    send(address, "GET", path, headers, "")
}

fn post(address: SocketAddr, path: &str, headers: &[(&str, &str)], body: &str) -> String {
    send(address, "POST", path, headers, body)
}

/// A request as a program makes it, with the headers that a browser would not let a page choose.
fn send(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> String {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    raw(address, request.as_bytes())
}

fn log_in(address: SocketAddr, token: &str) -> String {
    post(address, "/login", &[("Origin", &format!("http://{address}"))], &format!("token={token}"))
}

fn cookie_of(answer: &str) -> String {
    let line = answer.lines().find_map(|line| line.strip_prefix("set-cookie: "));
    let line = line.unwrap_or_else(|| panic!("no cookie in {answer}"));
    line.split(';').next().expect("a pair").to_owned()
}

/// What the forms of a session hold.
fn form_token(address: SocketAddr, session: &str) -> String {
    let page = get(address, "/guests", &[("Cookie", session)]);
    let field = page.split("name=\"form\" value=\"").nth(1).unwrap_or_else(|| panic!("no form in {page}"));
    field.split('"').next().expect("a value").to_owned()
}
