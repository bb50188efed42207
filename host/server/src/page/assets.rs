//! The files of the page, within the binary. Their names hold a digest of their content, so that a browser keeps them for
//! ever and never shows an old one.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use crate::chart;
use crate::hex::hex;

const FOR_EVER: &str = "public, max-age=31536000, immutable";

struct Asset {
    /// `style.0123456789abcdef.css`.
    name: String,
    kind: &'static str,
    content: String,
}

/// The charts' looks come first, so that the page's have the last word.
static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    let content = [chart::css().as_str(), include_str!("assets/style.css")].concat();
    Asset::new("style", "css", "text/css; charset=utf-8", content)
});
static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("page", "js", "text/javascript; charset=utf-8", include_str!("assets/page.js").to_owned())
});
static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("icon", "svg", "image/svg+xml", include_str!("assets/icon.svg").to_owned()));

impl Asset {
    fn new(stem: &str, ending: &str, kind: &'static str, content: String) -> Asset {
        let digest = Sha256::digest(content.as_bytes());
        let digest = hex(&digest[..8]);
        Asset { name: format!("{stem}.{digest}.{ending}"), kind, content }
    }

    fn path(&self) -> String {
        format!("/assets/{}", self.name)
    }
}

/// Where the style sheet is.
pub(super) fn style() -> String {
    STYLE.path()
}

/// Where the script is.
pub(super) fn script() -> String {
    SCRIPT.path()
}

/// Where the icon is.
pub(super) fn icon() -> String {
    ICON.path()
}

/// `GET /assets/{name}`. Nobody need be known: the login page has them too.
pub(super) async fn serve(Path(name): Path<String>) -> Response {
    let Some(asset) = [&STYLE, &SCRIPT, &ICON].into_iter().find(|asset| asset.name == name) else {
        return (StatusCode::NOT_FOUND, "there is no such file\n").into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, asset.kind),
        (header::CACHE_CONTROL, FOR_EVER),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // An icon that is opened by itself is a document.
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'"),
    ];
    (headers, asset.content.as_str()).into_response()
}
