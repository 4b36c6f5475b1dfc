//! Search: documents of all kinds by their words, with facets, and suggestions while somebody types.

pub mod query;
pub mod scope;

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use daybook_platform::ApiError;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::app::App;
use crate::asker::Asker;
use crate::document::MASKED;
use crate::freshness::Position;
use crate::list::cursor::Cursor;
use crate::params::Params;
use crate::stores::{Fault, Store};
use query::{CLEAR, Wanted, suggest};
use scope::Searched;

/// Hits of a page where nothing is said.
const DEFAULT_LIMIT: i64 = 20;

/// Most hits of a page.
const LIMIT: i64 = 100;

/// Longest question, in characters.
const LONGEST: usize = 400;

/// Most words of a question: each is looked for by itself.
const MOST_WORDS: usize = 20;

/// Answers `GET /api/v1/search?q=`.
///
/// # Errors
/// What HTTP says to a request that is not answered as asked.
pub async fn answer(
    State(app): State<App>,
    caller: Asker,
    headers: HeaderMap,
    mut params: Params,
) -> Result<Response, ApiError> {
    let searched = Searched::read(&caller, params.take("type")?.as_deref())?;
    let positions = Position::of(&headers)?;
    let words = words(&mut params)?;
    let limit = params.number("limit", 1, DEFAULT_LIMIT, LIMIT)?;
    let cursor = params.take("cursor")?;
    let mut chosen = BTreeMap::new();
    for facet in searched.facets() {
        if let Some(values) = params.take(facet)? {
            chosen.insert(facet.to_owned(), values.split(',').map(str::to_owned).collect());
        }
    }
    let known: Vec<_> = ["q", "type", "limit", "cursor"].into_iter().chain(searched.facets()).collect();
    params.end(&known)?;
    app.tides.opensearch.passed(caller.tenant(), &positions).await?;

    let wanted = Wanted { words, chosen };
    let list = format!("search {} {}", searched.indexes(&app.opensearch), wanted.said());
    let after = match cursor {
        None => None,
        Some(text) => Some(place(&Cursor::read(&text, app.vault.sealer(), caller.tenant(), &list)?)),
    };
    let body = wanted.body(&searched, limit + 1, after);
    let mut found = app.opensearch.search(&searched.indexes(&app.opensearch), &body).await?;
    let mut hits = match found["hits"]["hits"].take() {
        Value::Array(hits) => hits,
        _ => return Err(Fault::unreadable(Store::Opensearch, "an answer without hits").into()),
    };
    let more = hits.len() as i64 > limit;
    hits.truncate(limit as usize);
    let next_cursor =
        hits.last().filter(|_| more).map(|hit| cursor_after(hit).write(app.vault.sealer(), caller.tenant(), &list));
    let facets: Map<String, Value> = found["aggregations"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, counted)| (name.clone(), counts(counted)))
        .collect();
    let answer = json!({
        "items": hits.into_iter().map(|found| hit(&searched, found)).collect::<Vec<_>>(),
        "total": { "value": found["hits"]["total"]["value"], "is_exact": found["hits"]["total"]["relation"] == "eq" },
        "facets": facets,
        "next_cursor": next_cursor,
    });
    Ok(Json(answer).into_response())
}

/// Answers `GET /api/v1/search/suggest?q=`.
///
/// # Errors
/// What HTTP says to a request that is not answered as asked.
pub async fn suggestions(
    State(app): State<App>,
    caller: Asker,
    headers: HeaderMap,
    mut params: Params,
) -> Result<Response, ApiError> {
    let searched = Searched::read(&caller, params.take("type")?.as_deref())?;
    let positions = Position::of(&headers)?;
    let Some(begun) = words(&mut params)? else {
        return Err(ApiError::field("q", "must be given: the first letters of what is looked for"));
    };
    let limit = params.number("limit", 1, 10, 50)?;
    params.end(&["q", "type", "limit"])?;
    app.tides.opensearch.passed(caller.tenant(), &positions).await?;

    let mut found =
        app.opensearch.search(&searched.indexes(&app.opensearch), &suggest(&searched, &begun, limit)).await?;
    let mut hits = found["hits"]["hits"].take();
    let hits = hits.as_array_mut().into_iter().flatten();
    let items = hits.map(|hit| suggestion(&searched, hit)).collect::<Vec<_>>();
    Ok(Json(json!({ "items": items })).into_response())
}

fn words(params: &mut Params) -> Result<Option<String>, ApiError> {
    let words = params.take("q")?.map(|words| words.trim().to_owned()).filter(|words| !words.is_empty());
    match &words {
        Some(words) if words.chars().count() > LONGEST => {
            Err(ApiError::field("q", format!("must have at most {LONGEST} characters")))
        }
        Some(words) if words.split_whitespace().count() > MOST_WORDS => {
            Err(ApiError::field("q", format!("must have at most {MOST_WORDS} words")))
        }
        _ => Ok(words),
    }
}

/// Whether what is personal in a hit is for the caller: as the store says where it is not so of all.
fn is_clear(searched: &Searched, hit: &Value) -> bool {
    let named = hit["matched_queries"].as_array();
    searched.clear().is_none() || named.is_some_and(|named| named.iter().any(|name| name == CLEAR))
}

/// Leaves out of a hit what is personal in it: the fields, and the words that were found there.
fn mask(searched: &Searched, hit: &mut Value) {
    let type_name = hit["_source"]["type"].as_str().unwrap_or_default().to_owned();
    for name in searched.personal(&type_name) {
        for part in ["_source", "highlight"] {
            if let Some(fields) = hit[part].as_object_mut() {
                fields.shift_remove(name);
            }
        }
    }
}

/// A hit as a caller sees it: what it is, how well it fits, its fields, and the words found, marked with `<em>` in text that
/// is otherwise escaped for HTML.
fn hit(searched: &Searched, mut hit: Value) -> Value {
    let is_clear = is_clear(searched, &hit);
    if !is_clear {
        mask(searched, &mut hit);
    }
    let mut fields = hit["_source"].take();
    let mut shown = Map::new();
    for name in ["type", "id", "version"] {
        shown.insert(
            name.into(),
            fields.as_object_mut().and_then(|fields| fields.shift_remove(name)).unwrap_or_default(),
        );
    }
    if let Some(fields) = fields.as_object_mut() {
        fields.shift_remove("tenant");
    }
    if !is_clear {
        shown.insert(MASKED.into(), true.into());
    }
    shown.insert("score".into(), hit["_score"].take());
    shown.insert("fields".into(), fields);
    shown.insert(
        "highlights".into(),
        match hit["highlight"].take() {
            Value::Null => json!({}),
            marked => marked,
        },
    );
    Value::Object(shown)
}

/// A suggestion: what it is, and the first of its texts as a title.
fn suggestion(searched: &Searched, hit: &mut Value) -> Value {
    if !is_clear(searched, hit) {
        mask(searched, hit);
    }
    let fields = &hit["_source"];
    let title =
        ["short_description", "name"].into_iter().chain(searched.texts()).find_map(|name| fields[name].as_str());
    json!({ "type": fields["type"], "id": fields["id"], "number": fields["number"], "title": title })
}

fn counts(counted: &Value) -> Value {
    let buckets = counted["values"]["buckets"].as_array();
    buckets
        .into_iter()
        .flatten()
        .map(|bucket| json!({ "value": bucket["key"], "count": bucket["doc_count"] }))
        .collect()
}

/// The place of a hit in the order of its search.
fn cursor_after(hit: &Value) -> Cursor {
    let id = hit["_source"]["id"].as_str().and_then(|id| id.parse().ok()).unwrap_or_else(Uuid::nil);
    // The score as it was said: a number rewritten could fall on the other side of its neighbour.
    Cursor { view_version: String::new(), keys: vec![Some(hit["sort"][0].to_string())], id }
}

fn place(cursor: &Cursor) -> Value {
    let score: Value =
        cursor.keys.first().and_then(|key| serde_json::from_str(key.as_deref()?).ok()).unwrap_or_default();
    json!([score, cursor.id])
}
