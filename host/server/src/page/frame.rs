//! What stands around every page: head, navigation, the switch that stops all repairs, and what everybody must know.

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};
use tidegate_domain::book::Book;
use tidegate_domain::people::Role;
use tidegate_domain::time::Timestamp;

use super::paths::Place;
use super::said::said;
use super::session::Flash;
use super::viewer::Viewer;
use super::{assets, standing, when};
use crate::clock;
use crate::host::Host;

/// What a page looks at, at one moment.
pub(super) struct Frame {
    pub(super) viewer: Viewer,
    pub(super) place: Place,
    pub(super) now: Timestamp,
    /// True where there is an Alertmanager to silence incidents in.
    pub(super) alertmanager: bool,
    unready: Option<String>,
    flash: Option<Flash>,
}

impl Frame {
    pub(super) fn new(host: &Host, viewer: Viewer, place: Place) -> Frame {
        let unready = host.unready.borrow().clone();
        // What the script asks for is not read by anybody yet.
        let flash = if viewer.by_itself { None } else { host.sessions.take_flash(viewer.session) };
        let alertmanager = host.setup().alertmanager.is_some();
        Frame { viewer, place, now: clock::now(), alertmanager, unready, flash }
    }

    /// The hidden fields of every form.
    pub(super) fn hidden(&self) -> Markup {
        html! {
            input type="hidden" name="form" value=(self.viewer.form_token);
            input type="hidden" name="next" value=(self.place.path());
        }
    }

    /// A whole page.
    pub(super) fn page(&self, book: &Book, title: &str, main: &Markup) -> Response {
        self.answer(StatusCode::OK, book, title, main)
    }

    /// Nothing has the name that was asked for.
    pub(super) fn missing(&self, book: &Book, what: &str) -> Response {
        let main = html! {
            h1 tabindex="-1" { "Not here" }
            p { "There is no " (said(what)) ". " a href="/" { "What there is" } }
        };
        self.answer(StatusCode::NOT_FOUND, book, "Not here", &main)
    }

    fn answer(&self, code: StatusCode, book: &Book, title: &str, main: &Markup) -> Response {
        let waiting = standing::waiting(book).len();
        let title = if waiting > 0 { format!("({waiting}) {title}") } else { title.to_owned() };
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                (head(&title))
                body data-now=(self.now.0) data-news=(standing::news(book)) {
                    a.skip href="#main" { "Skip to the content" }
                    (self.top(waiting, book))
                    (self.notices(book))
                    main #main tabindex="-1" {
                        div #flash data-keep {
                            @if let Some(flash) = &self.flash {
                                p.flash.good[flash.good].bad[!flash.good] role=(if flash.good { "status" } else { "alert" }) {
                                    (said(&flash.text))
                                }
                            }
                        }
                        (main)
                    }
                    footer.foot {
                        p {
                            "tidegate " (env!("CARGO_PKG_VERSION")) " · as of " (when::moment(self.now, self.now)) " "
                            span #live data-keep { noscript { "· without a script this page does not change by itself" } }
                        }
                    }
                    p #news .unseen role="status" aria-live="polite" data-keep {}
                }
            }
        };
        (code, Html(page.into_string())).into_response()
    }

    fn top(&self, waiting: usize, book: &Book) -> Markup {
        let current = |path: &str| (self.place.path().split('?').next() == Some(path)).then_some("page");
        html! {
            header.top {
                a.brand href="/" { img src=(assets::icon()) alt="" width="24" height="24"; "tidegate" }
                nav aria-label="Pages" {
                    a href="/" aria-current=[current("/")] {
                        "Now"
                        @if waiting > 0 { " " span.count { (waiting) span.unseen { " waiting" } } }
                    }
                    a href="/guests" aria-current=[current("/guests")] { "Guests" }
                }
                @if book.paused_by().is_none() && self.viewer.may(Role::Approve) { (self.pause()) }
                form.me method="post" action="/logout" {
                    (self.hidden())
                    span { (said(&self.viewer.name)) " " span.quiet { (self.viewer.role.name()) } }
                    button type="submit" { "Sign out" }
                }
            }
        }
    }

    fn pause(&self) -> Markup {
        html! {
            details.pause #pause {
                summary { "Pause…" }
                form method="post" action="/pause" {
                    (self.hidden())
                    p { "Nothing more is run until an admin resumes. What runs already goes on to its end." }
                    button.deny type="submit" { "Pause all repairs" }
                }
            }
        }
    }

    /// What everybody must know before anything else.
    fn notices(&self, book: &Book) -> Markup {
        html! {
            div #notices {
                @if let Some(by) = book.paused_by() {
                    section.notice.paused aria-label="Paused" {
                        p { b { "All repairs are paused" } " by " (said(&by.approver)) " (" (said(&by.surface)) " from " (said(&by.address)) "). Nothing is run." }
                        @if self.viewer.may(Role::Admin) {
                            form method="post" action="/resume" { (self.hidden()) button type="submit" { "Resume repairs" } }
                        } @else {
                            p.quiet { "An admin can resume them." }
                        }
                    }
                }
                @if let Some(storm) = book.storm() {
                    section.notice.storm aria-label="Storm" {
                        p { b { "Many things are breaking at once" } ": " (said(&storm.reason)) ". Every proposal is held, since " (when::moment(storm.since, self.now)) "." }
                    }
                }
                @if let Some(why) = &self.unready {
                    section.notice.unready aria-label="Not ready" { p { b { "Not ready" } ": " (said(why)) "." } }
                }
            }
        }
    }
}

fn head(title: &str) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            title { (title) " · tidegate" }
            link rel="icon" type="image/svg+xml" href=(assets::icon());
            link rel="stylesheet" href=(assets::style());
            script src=(assets::script()) defer {}
        }
    }
}

/// A page for somebody who is not known.
pub(super) fn outside(code: StatusCode, title: &str, main: &Markup) -> Response {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            (head(title))
            body.outside {
                main #main tabindex="-1" {
                    p.brand { img src=(assets::icon()) alt="" width="40" height="40"; "tidegate" }
                    (main)
                }
            }
        }
    };
    (code, Html(page.into_string())).into_response()
}

/// Something was not done.
pub(super) fn refusal(code: StatusCode, title: &str, why: &str) -> Response {
    let main = html! { h1 { (title) } p { (why) } p { a href="/" { "To the page" } } };
    outside(code, title, &main)
}

/// Sends a browser on from a page of this host. After a link on another site it has left its session out; to a page that
/// one of this host's own pages leads to, it takes it along.
pub(super) fn hop(to: &Place) -> Response {
    let target = to.login();
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="refresh" content={ "0; url=" (target) };
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "tidegate" }
                link rel="stylesheet" href=(assets::style());
            }
            body.outside {
                main #main { p { a href=(target) { "Go on to tidegate" } } }
            }
        }
    };
    Html(page.into_string()).into_response()
}
