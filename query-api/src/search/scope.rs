//! What a caller can find: the kinds they may read, and of each the documents of their own tenant that are for them. It is a filter inside every
//! query, not something taken away from its answer, so counts and suggestions tell nothing of others either.

use daybook_contents::permissions::to_read;
use daybook_kernel::{Field, Kind};
use daybook_platform::ApiError;
use serde_json::{Value as Json, json};

use crate::app::Scope;
use crate::asker::Asker;
use crate::rows;
use crate::stores::opensearch::Opensearch;

/// The kinds to search in.
#[derive(Debug, Clone)]
pub struct Searched {
    /// Each with what the caller may see of it.
    pub kinds: Vec<(&'static dyn Kind, Scope)>,
}

impl Searched {
    /// The kinds that the caller may read and asks for, by the resources that permissions name: `type=incident,ci`.
    ///
    /// # Errors
    /// 400 for a type that is none; 403 where the caller may read none of those asked for.
    pub fn read(caller: &Asker, said: Option<&str>) -> Result<Self, ApiError> {
        let searchable = || daybook_contents::kinds().filter(|kind| texts(*kind).next().is_some());
        let asked: Option<Vec<&str>> = said.map(|said| said.split(',').map(str::trim).collect());
        if let Some(unknown) =
            asked.iter().flatten().find(|name| !searchable().any(|kind| kind.meta().events == **name))
        {
            let known: Vec<_> = searchable().map(|kind| kind.meta().events).collect();
            return Err(ApiError::field("type", format!("must name some of {}, not {unknown:?}", known.join(", "))));
        }
        let wanted = searchable().filter(|kind| asked.as_ref().is_none_or(|asked| asked.contains(&kind.meta().events)));
        let (kinds, refused): (Vec<_>, Vec<_>) =
            wanted.map(|kind| (kind, Scope::of(kind, caller))).partition(|(_, scope)| scope.is_ok());
        if kinds.is_empty() {
            let missing: Vec<_> = refused.iter().map(|(kind, _)| to_read(*kind)).collect();
            return Err(ApiError::forbidden(&missing.join(" or ")));
        }
        Ok(Self { kinds: kinds.into_iter().filter_map(|(kind, scope)| Some((kind, scope.ok()?))).collect() })
    }

    /// The aliases of their indexes, separated by commas.
    pub fn indexes(&self, opensearch: &Opensearch) -> String {
        let names: Vec<_> = self.kinds.iter().map(|(kind, _)| opensearch.index(&alias(*kind))).collect();
        names.join(",")
    }

    /// The filter that keeps everybody else's documents out.
    pub fn filter(&self) -> Json {
        let each = self.kinds.iter().map(|(kind, scope)| {
            let mut must = vec![
                json!({ "term": { "tenant": scope.tenant } }),
                json!({ "term": { "type": kind.meta().type_name } }),
            ];
            must.extend(scope.only.map(|only| json!({ "term": { "id": only } })));
            if !scope.rows.is_everything() {
                must.push(rows::search(*kind, scope.rows.condition()));
            }
            json!({ "bool": { "filter": must } })
        });
        json!({ "bool": { "should": each.collect::<Vec<_>>(), "minimum_should_match": 1 } })
    }

    /// The fields that full-text search looks in, each once.
    pub fn texts(&self) -> Vec<&'static str> {
        self.each(|kind| texts(kind).map(|field| field.name).collect())
    }

    /// Where words are looked for: in which documents in which fields. What is personal in a document is not searched for who may
    /// not see it: that it is found would tell it.
    pub fn places(&self) -> Vec<Place> {
        if self.kinds.iter().all(|(_, scope)| scope.clear.is_everything()) {
            return vec![Place { documents: json!({ "match_all": {} }), fields: self.texts() }];
        }
        let of = |(kind, scope): &(&'static dyn Kind, Scope)| {
            let of_kind = json!({ "term": { "type": kind.meta().type_name } });
            let clear = rows::search(*kind, scope.clear.condition());
            let all = Place {
                documents: json!({ "bool": { "filter": [of_kind, clear] } }),
                fields: texts(*kind).map(|field| field.name).collect(),
            };
            // The rest is searched everywhere: one more place to find a document in does not make it another one.
            let rest = Place {
                documents: of_kind,
                fields: texts(*kind).filter(|field| !field.shape.holds_personal()).map(|field| field.name).collect(),
            };
            [all, rest].into_iter().filter(|place| !place.fields.is_empty())
        };
        self.kinds.iter().flat_map(of).collect()
    }

    /// The documents in which the caller may see what is personal; none where they may in all.
    pub fn clear(&self) -> Option<Json> {
        let is_everything = self.kinds.iter().all(|(_, scope)| scope.clear.is_everything());
        let each = self.kinds.iter().map(|(kind, scope)| {
            let of_kind = json!({ "term": { "type": kind.meta().type_name } });
            json!({ "bool": { "filter": [of_kind, rows::search(*kind, scope.clear.condition())] } })
        });
        let each: Vec<_> = each.collect();
        (!is_everything).then(|| json!({ "bool": { "should": each, "minimum_should_match": 1 } }))
    }

    /// The fields of a type's documents that are personal.
    pub fn personal(&self, type_name: &str) -> impl Iterator<Item = &'static str> {
        let kind = self.kinds.iter().map(|(kind, _)| *kind).find(|kind| kind.meta().type_name == type_name);
        let fields = kind.into_iter().flat_map(|kind| kind.meta().shape.fields);
        fields.filter(|field| field.shape.holds_personal()).map(|field| field.name)
    }

    /// The fields whose values are counted, each once.
    pub fn facets(&self) -> Vec<&'static str> {
        self.each(|kind| {
            kind.meta().shape.fields.iter().filter(|field| field.view.facet).map(|field| field.name).collect()
        })
    }

    fn each(&self, of: impl Fn(&'static dyn Kind) -> Vec<&'static str>) -> Vec<&'static str> {
        let mut names: Vec<_> = self.kinds.iter().flat_map(|(kind, _)| of(*kind)).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// Documents, and the fields of theirs in which words are looked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// Which documents.
    pub documents: Json,
    /// The fields.
    pub fields: Vec<&'static str>,
}

/// The alias under which the live index of a kind is searched.
pub fn alias(kind: &dyn Kind) -> String {
    format!("{}-{}", kind.meta().context, kind.meta().plural)
}

/// The fields of a kind that full-text search looks in.
fn texts(kind: &dyn Kind) -> impl Iterator<Item = &'static Field> {
    kind.meta().shape.fields.iter().filter(|field| field.view.search)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, sync::Arc};

    use daybook_platform::Caller;
    use uuid::Uuid;

    use super::*;

    fn caller(permissions: &[&str]) -> Asker {
        let permissions: BTreeSet<_> = permissions.iter().map(|name| (*name).to_owned()).collect();
        let caller = Caller { tenant: Uuid::from_u128(7), permissions: Arc::new(permissions), ..Caller::default() };
        Asker::bearer(&caller)
    }

    #[test]
    fn only_what_may_be_read_is_searched() {
        let all = Searched::read(&caller(&["incident:read", "ci:read"]), None).unwrap();
        assert_eq!(all.kinds.iter().map(|(kind, _)| kind.meta().events).collect::<Vec<_>>(), ["incident", "ci"]);
        let some = Searched::read(&caller(&["incident:read"]), Some("incident,ci")).unwrap();
        assert_eq!(some.kinds.len(), 1);
        assert_eq!(Searched::read(&caller(&["incident:read"]), Some("ci")).unwrap_err().status, 403);
        assert_eq!(Searched::read(&caller(&["incident:read"]), Some("moon")).unwrap_err().status, 400);
    }

    #[test]
    fn what_stands_in_the_platforms_books_is_found_by_its_own_organisation_alone() {
        let filter = Searched::read(&caller(&["*"]), Some("organization")).unwrap().filter().to_string();
        assert!(filter.contains(&format!(r#"{{"term":{{"tenant":"{}"}}}}"#, Uuid::nil())), "{filter}");
        assert!(filter.contains(&format!(r#"{{"term":{{"id":"{}"}}}}"#, Uuid::from_u128(7))), "{filter}");
    }
}
