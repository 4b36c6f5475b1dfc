//! Which page of a list is asked for (RFC 7644, section 3.4.2), and the one kind of filter that is taken: a name or an external id
//! that equals a text.

use serde_json::Value as Json;

use super::answer::Refusal;

/// The most resources of a page.
pub const MOST: i64 = 200;

/// The longest filter.
const LONGEST: usize = 1_000;

/// What the address of a question says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The number of the first resource, from 1 on.
    pub start: i64,
    /// How many.
    pub count: i64,
    filter: Option<String>,
    only: Vec<String>,
    without: Vec<String>,
}

impl Page {
    /// What these parameters say; others are passed over.
    ///
    /// # Errors
    /// 400 naming what is no number.
    pub fn of(pairs: &[(String, String)]) -> Result<Self, Refusal> {
        let said =
            |name: &str| pairs.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        let number = |name: &str, default: i64| match said(name).map(|text| text.parse::<i64>()) {
            None => Ok(default),
            Some(Ok(number)) => Ok(number),
            Some(Err(_)) => Err(Refusal::bad("invalidValue", format!("{name} must be a number"))),
        };
        let names = |name: &str| {
            let names = said(name).into_iter().flat_map(|names| names.split(','));
            names.map(|name| bare(name.trim()).to_lowercase()).collect()
        };
        Ok(Self {
            start: number("startIndex", 1)?.max(1),
            count: number("count", 100)?.clamp(0, MOST),
            filter: said("filter").cloned(),
            only: names("attributes"),
            without: names("excludedAttributes"),
        })
    }

    /// What the filter asks for: one of these attributes, and the text that it equals.
    ///
    /// # Errors
    /// `invalidFilter` for every other filter.
    pub fn filter<'a>(&self, attributes: &[&'a str]) -> Result<Option<(&'a str, String)>, Refusal> {
        let Some(filter) = &self.filter else { return Ok(None) };
        equation(filter, attributes).map(Some).ok_or_else(|| {
            let detail = format!("a filter is one of {} eq \"…\"", attributes.join(", "));
            Refusal::bad("invalidFilter", detail)
        })
    }

    /// The resource with the attributes that are asked for; what says which it is always is.
    pub fn shown(&self, mut resource: Json) -> Json {
        if let Json::Object(attributes) = &mut resource {
            attributes.retain(|name, _| {
                let name = name.to_lowercase();
                let is_always = ["schemas", "id", "meta"].contains(&name.as_str());
                is_always || ((self.only.is_empty() || self.only.contains(&name)) && !self.without.contains(&name))
            });
        }
        resource
    }
}

/// The attribute and the text of `attribute eq "text"`, where the attribute is one of these.
pub fn equation<'a>(filter: &str, attributes: &[&'a str]) -> Option<(&'a str, String)> {
    if filter.len() > LONGEST {
        return None;
    }
    let (attribute, rest) = filter.trim().split_once(char::is_whitespace)?;
    let (operator, value) = rest.trim_start().split_once(char::is_whitespace)?;
    let attribute = attributes.iter().find(|known| known.eq_ignore_ascii_case(bare(attribute)))?;
    let text: String = serde_json::from_str(value.trim()).ok()?;
    // Postgres has no text with a NUL in it.
    (operator.eq_ignore_ascii_case("eq") && !text.contains('\0')).then_some((attribute, text))
}

/// An attribute without the name of its schema.
pub fn bare(attribute: &str) -> &str {
    match attribute.rsplit_once(':') {
        Some((schema, name)) if schema.to_lowercase().starts_with("urn:ietf:params:scim:schemas:core:2.0:") => name,
        _ => attribute,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn page(pairs: &[(&str, &str)]) -> Result<Page, Refusal> {
        Page::of(&pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Vec<_>>())
    }

    #[test]
    fn a_page_has_an_end() {
        let asked = page(&[("startIndex", "-3"), ("count", "100000")]).unwrap();
        assert_eq!((asked.start, asked.count), (1, MOST));
        assert_eq!(page(&[("count", "-1")]).unwrap().count, 0);
        assert!(page(&[("count", "many")]).is_err());
    }

    #[test]
    fn one_kind_of_filter_is_taken() {
        let names = ["userName", "externalId"];
        for right in [
            r#"userName eq "a b""#,
            r#" USERNAME  EQ  "a b" "#,
            r#"urn:ietf:params:scim:schemas:core:2.0:User:userName eq "a b""#,
        ] {
            assert_eq!(equation(right, &names), Some(("userName", "a b".to_owned())), "{right}");
        }
        for wrong in [
            "",
            "userName",
            "userName eq",
            "userName eq a",
            r#"userName co "a""#,
            r#"title eq "a""#,
            r#"userName eq "a\u0000""#,
            r#"userName eq "a" or"#,
            r#"userName eq "a" or userName eq "b""#,
            "userName pr",
            r#"not (userName eq "a")"#,
        ] {
            assert_eq!(equation(wrong, &names), None, "{wrong}");
        }
        assert!(page(&[("filter", "userName co x")]).unwrap().filter(&names).is_err());
    }

    #[test]
    fn only_what_is_asked_for_is_shown() {
        let whole = json!({ "id": 1, "displayName": "x", "members": [] });
        let without = page(&[("excludedAttributes", "members")]).unwrap().shown(whole.clone());
        assert_eq!(without, json!({ "id": 1, "displayName": "x" }));
        assert_eq!(page(&[("attributes", "members")]).unwrap().shown(whole), json!({ "id": 1, "members": [] }));
    }
}
