//! The query: words are found in any of the fields, also misspelled; facets narrow the answer and are counted.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::scope::{Place, Searched};

/// Values counted of each facet.
const VALUES: usize = 20;

/// What a caller looks for.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The words; everything where there are none.
    pub words: Option<String>,
    /// The values chosen of each facet: any of them.
    pub chosen: BTreeMap<String, Vec<String>>,
}

impl Wanted {
    /// What is looked for and chosen, in one canonical text, to tell searches apart.
    pub fn said(&self) -> String {
        format!("{:?} {:?}", self.words, self.chosen)
    }

    /// The body of a search for the `limit` documents after that place.
    pub fn body(&self, searched: &Searched, limit: i64, after: Option<Json>) -> Json {
        let counted = searched.facets().into_iter().chain(["type"]).map(|facet| (facet.to_owned(), self.count(facet)));
        let (every, mut better) = self.matching(searched);
        better.extend(marked_clear(searched));
        let mut body = json!({
            "size": limit,
            "query": { "bool": {
                "must": every, "should": better, "minimum_should_match": 0, "filter": [searched.filter()],
            } },
            // What is chosen narrows what is found but not what is counted, so that one sees what else could be chosen.
            "post_filter": { "bool": { "filter": self.narrowed(None) } },
            "aggs": counted.collect::<Map<_, _>>(),
            // Ids are made in the order of time: of what fits alike, the newest first.
            "sort": [{ "_score": "desc" }, { "id": "desc" }],
            "track_scores": true,
            "track_total_hits": 10_000,
            // The folded state beside the document is not for callers.
            "_source": { "excludes": ["_state"] },
            "highlight": {
                "encoder": "html", "pre_tags": ["<em>"], "post_tags": ["</em>"], "fragment_size": 160, "number_of_fragments": 2,
                "fields": searched.texts().into_iter().map(|name| (name.to_owned(), json!({}))).collect::<Map<_, _>>(),
            },
        });
        if let Some(after) = after {
            body["search_after"] = after;
        }
        body
    }

    /// Every word, each in any field.
    ///
    /// How well a document fits is said in steps that depend on it alone: all its words as said, and the whole phrase. A
    /// score that weighs how rare a word is would change while others write, so that pages would not join, and would tell
    /// one tenant of another's words.
    fn matching(&self, searched: &Searched) -> (Vec<Json>, Vec<Json>) {
        let Some(words) = &self.words else { return Default::default() };
        let places = searched.places();
        let each = words.split_whitespace().map(|word| {
            let mut matched = json!({ "query": word, "operator": "and", "lenient": true,
                // What holds no word, such as a dash, asks for nothing.
                "zero_terms_query": "all" });
            // One letter in a short word, two in a long one may be wrong, but not the first; another number is another thing.
            if !word.contains(|c: char| c.is_ascii_digit()) {
                matched["fuzziness"] = "AUTO".into();
                matched["prefix_length"] = 1.into();
            }
            constant(matching_in(&places, &matched), 1)
        });
        let as_said = json!({ "query": words, "type": "cross_fields", "operator": "and", "lenient": true });
        let phrase = json!({ "query": words, "type": "phrase", "lenient": true });
        let better = vec![constant(matching_in(&places, &as_said), 2), constant(matching_in(&places, &phrase), 4)];
        (each.collect(), better)
    }

    /// The conditions of the facets chosen, but for one.
    fn narrowed(&self, but: Option<&str>) -> Vec<Json> {
        let others = self.chosen.iter().filter(|(facet, _)| but != Some(facet.as_str()));
        others.map(|(facet, values)| json!({ "terms": { facet.as_str(): values } })).collect()
    }

    /// How often each value of a facet is found, by what is chosen of the others.
    fn count(&self, facet: &str) -> Json {
        let values = json!({ "terms": { "field": facet, "size": VALUES } });
        json!({ "filter": { "bool": { "filter": self.narrowed(Some(facet)) } }, "aggs": { "values": values } })
    }
}

/// That what is said is found in any of these places.
fn matching_in(places: &[Place], said: &Json) -> Json {
    let each = places.iter().map(|place| {
        let mut matched = said.clone();
        matched["fields"] = json!(place.fields);
        json!({ "bool": { "must": [{ "multi_match": matched }], "filter": [place.documents] } })
    });
    json!({ "bool": { "should": each.collect::<Vec<_>>(), "minimum_should_match": 1 } })
}

/// The name under which a hit says that what is personal in it is for the caller.
pub const CLEAR: &str = "clear";

/// Has the hits say whether what is personal in them is for the caller, where it is not in all. It changes no score.
fn marked_clear(searched: &Searched) -> Option<Json> {
    let clear = searched.clear()?;
    Some(json!({ "constant_score": { "filter": clear, "boost": 0, "_name": CLEAR } }))
}

/// A query that adds so much to a document's score, whatever it found.
fn constant(query: Json, score: u8) -> Json {
    json!({ "constant_score": { "filter": query, "boost": score } })
}

/// The body of a search for documents with a word that begins like the last one said, and the words before it.
pub fn suggest(searched: &Searched, begun: &str, limit: i64) -> Json {
    let shown: Vec<_> = ["id", "type", "number", "name"].into_iter().chain(searched.texts()).collect();
    let begun = json!({ "query": begun, "type": "bool_prefix", "operator": "and", "lenient": true });
    json!({
        "size": limit,
        "query": { "bool": {
            "must": [matching_in(&searched.places(), &begun)],
            "should": marked_clear(searched).into_iter().collect::<Vec<_>>(),
            "filter": [searched.filter()],
        } },
        "sort": [{ "_score": "desc" }, { "id": "asc" }],
        "track_total_hits": false,
        "_source": { "includes": shown },
    })
}
