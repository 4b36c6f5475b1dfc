//! A browser, as far as a sign-in needs one: it keeps cookies, follows one redirect at a time, and fills in a form.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use reqwest::{Client, RequestBuilder, Url, header::HeaderMap, redirect::Policy};

/// Somebody's browser. It sends `Secure` cookies to this machine without TLS too, as browsers do.
#[derive(Clone)]
pub struct Browser {
    http: Client,
    cookies: Arc<Mutex<BTreeMap<String, String>>>,
}

/// What a browser is shown.
pub struct Shown {
    /// The HTTP status.
    pub status: u16,
    /// Where it is sent, where it is.
    pub to: Option<Url>,
    /// The page.
    pub page: String,
}

impl Browser {
    /// One that has been nowhere yet.
    pub fn new() -> Self {
        let http = Client::builder().redirect(Policy::none()).timeout(Duration::from_secs(30)).build().unwrap();
        Self { http, cookies: Arc::default() }
    }

    /// Goes to an address.
    pub async fn get(&self, url: &str) -> Shown {
        self.go(self.http.get(url)).await
    }

    /// Fills in a form.
    pub async fn post(&self, url: &str, fields: &[(&str, &str)]) -> Shown {
        let request = self.http.post(url).header("content-type", "application/x-www-form-urlencoded");
        self.go(request.body(form(fields))).await
    }

    async fn go(&self, request: RequestBuilder) -> Shown {
        let sent: Vec<_> = self.cookies.lock().unwrap().iter().map(|(name, value)| format!("{name}={value}")).collect();
        let answer = request.header("cookie", sent.join("; ")).send().await.unwrap();
        self.keep(answer.headers());
        let to = answer.headers().get("location").map(|to| answer.url().join(to.to_str().unwrap()).unwrap());
        let status = answer.status().as_u16();
        Shown { status, to, page: answer.text().await.unwrap() }
    }

    fn keep(&self, headers: &HeaderMap) {
        let mut cookies = self.cookies.lock().unwrap();
        for cookie in headers.get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            match cookie.contains("Max-Age=0") {
                true => cookies.remove(name),
                false => cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
    }
}

impl Shown {
    /// Where it is sent; it must be.
    #[track_caller]
    pub fn sent(&self) -> &Url {
        self.to.as_ref().unwrap_or_else(|| panic!("sent nowhere, but {}: {}", self.status, self.page))
    }

    /// A parameter of the address it is sent to; empty where there is none.
    #[track_caller]
    pub fn said(&self, name: &str) -> String {
        let found = self.sent().query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned());
        found.unwrap_or_default()
    }

    /// The address that the first form of the page is sent to.
    #[track_caller]
    pub fn form(&self) -> String {
        let action = self.page.split("action=\"").nth(1).and_then(|rest| rest.split('"').next());
        action.unwrap_or_else(|| panic!("no form: {}", self.page)).replace("&amp;", "&")
    }
}

/// Fields as a form writes them.
pub fn form(fields: &[(&str, &str)]) -> String {
    let mut url = Url::parse("form:").unwrap();
    url.query_pairs_mut().extend_pairs(fields);
    url.query().unwrap_or_default().to_owned()
}
