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
    /// By the path they are for, and their name.
    cookies: Arc<Mutex<BTreeMap<(String, String), String>>>,
}

/// What a browser is shown.
pub struct Shown {
    /// Where it is.
    at: Url,
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

    /// Sends the form of a page as it stands, as its script would.
    pub async fn send(&self, page: &Shown) -> Shown {
        let fields = page.fields();
        let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.post(&page.form(), &fields).await
    }

    /// Goes where it is sent, until there is a page or a callback.
    pub async fn follow(&self, mut shown: Shown) -> Shown {
        while let Some(to) = shown.to.clone().filter(|to| !to.path().ends_with("/callback")) {
            shown = self.get(to.as_str()).await;
        }
        shown
    }

    async fn go(&self, request: RequestBuilder) -> Shown {
        let path = request.try_clone().unwrap().build().unwrap().url().path().to_owned();
        let sent = {
            let cookies = self.cookies.lock().unwrap();
            let fit = cookies.iter().filter(|((at, _), _)| path.starts_with(at));
            fit.map(|((_, name), value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
        };
        let answer = request.header("cookie", sent).send().await.unwrap();
        self.keep(answer.headers());
        let to = answer.headers().get("location").map(|to| answer.url().join(to.to_str().unwrap()).unwrap());
        let (status, at) = (answer.status().as_u16(), answer.url().clone());
        Shown { at, status, to, page: answer.text().await.unwrap() }
    }

    fn keep(&self, headers: &HeaderMap) {
        let mut cookies = self.cookies.lock().unwrap();
        for cookie in headers.get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            let mut parts = cookie.split(';').map(str::trim);
            let (name, value) = parts.next().unwrap().split_once('=').unwrap();
            let at = parts.find_map(|part| part.strip_prefix("Path=")).unwrap_or("/");
            let key = (at.to_owned(), name.to_owned());
            match cookie.contains("Max-Age=0") {
                true => cookies.remove(&key),
                false => cookies.insert(key, value.to_owned()),
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
        plain(action.unwrap_or_else(|| panic!("no form: {}", self.page)))
    }

    /// The address of the first link that has this in it.
    #[track_caller]
    pub fn link(&self, part: &str) -> String {
        let mut links = self.page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
        let link = links.find(|link| link.contains(part)).unwrap_or_else(|| panic!("no {part}: {}", self.page));
        self.at.join(&plain(link)).unwrap().into()
    }

    /// The fields of the page that have a value.
    fn fields(&self) -> Vec<(String, String)> {
        let attribute = |tag: &str, name: &str| {
            let from = tag.to_lowercase().find(&format!("{name}=\""))? + name.len() + 2;
            tag[from..].split('"').next().map(plain)
        };
        let lower = self.page.to_lowercase();
        let tags = lower.match_indices("<input").filter_map(|(at, _)| self.page[at..].split('>').next());
        tags.filter_map(|tag| Some((attribute(tag, "name")?, attribute(tag, "value")?))).collect()
    }
}

/// A text of a page, as it is meant.
fn plain(text: &str) -> String {
    text.replace("&#x2b;", "+").replace("&#43;", "+").replace("&#61;", "=").replace("&#x3d;", "=").replace("&amp;", "&")
}

/// Fields as a form writes them.
pub fn form(fields: &[(&str, &str)]) -> String {
    let mut url = Url::parse("form:").unwrap();
    url.query_pairs_mut().extend_pairs(fields);
    url.query().unwrap_or_default().to_owned()
}
