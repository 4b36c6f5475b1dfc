//! A page that shows an OpenAPI document to people, whole in itself: nothing is loaded from elsewhere but the document.

/// The page; `url` is where the document is served, on the same host.
pub fn page(title: &str, url: &str) -> String {
    include_str!("page.html").replace("{{title}}", &escaped(title)).replace("{{url}}", &escaped(url))
}

/// Text as HTML shows it, in attributes too.
fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut html, c| {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            c => html.push(c),
        }
        html
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_page_names_its_document_and_loads_nothing_else() {
        let page = super::page("Daybook <commands>", "/openapi.json");
        assert!(
            page.contains("<title>Daybook &lt;commands&gt;</title>")
                && page.contains("data-document=\"/openapi.json\"")
        );
        assert!(!page.contains("{{") && !page.contains("http://") && !page.contains("https://"), "{page}");
    }
}
