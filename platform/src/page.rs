//! A page for people, whole in itself: its policy lets run what stands in it, and nothing else.

use aws_lc_rs::digest;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A page whose scripts and styles stand in it, each known by its digest (CSP Level 3, 8.3).
#[derive(Debug, Clone)]
pub struct Page {
    html: String,
    policy: String,
}

impl Page {
    /// The page. Its script may ask this service, and nobody else.
    pub fn new(html: String) -> Self {
        let policy = format!(
            "default-src 'none'; script-src {}; style-src {}; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'",
            digests(&html, "script"),
            digests(&html, "style"),
        );
        Self { html, policy }
    }

    /// The answer that shows it.
    pub fn answer(&self) -> Response {
        let headers = [(CONTENT_SECURITY_POLICY, self.policy.clone()), (CACHE_CONTROL, "no-cache".to_owned())];
        (headers, Html(self.html.clone())).into_response()
    }
}

/// The digests of what stands in elements of that name; `'none'` where there are none.
fn digests(html: &str, element: &str) -> String {
    let (begin, end) = (format!("<{element}"), format!("</{element}>"));
    let found: Vec<_> = html
        .split(&begin)
        .skip(1)
        .filter_map(|rest| Some(rest.split_once('>')?.1.split_once(&end)?.0))
        .map(|text| format!("'sha256-{}'", STANDARD.encode(digest::digest(&digest::SHA256, text.as_bytes()))))
        .collect();
    if found.is_empty() { "'none'".to_owned() } else { found.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_in_the_page_may_run() {
        let page = Page::new("<style>a{}</style><script type=\"module\">alert(1)</script>".to_owned());
        let answer = page.answer();
        let policy = answer.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
        // printf 'alert(1)' | openssl dgst -sha256 -binary | base64
        assert!(policy.contains("script-src 'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='"), "{policy}");
        assert!(policy.contains("style-src 'sha256-"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert!(Page::new("<p>hello</p>".to_owned()).policy.contains("script-src 'none'; style-src 'none'"));
    }
}
