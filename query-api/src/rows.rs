//! The rows that somebody may see, as conditions of each store: in SQL for Postgres, in OpenSearch's query language, and for the
//! figures in ClickHouse. A store admits exactly what [`daybook_authority::decide`] permits one by one.

use daybook_authority::{Condition, resource};
use daybook_contents::IncidentStanding;
use daybook_facts as facts;
use daybook_kernel::{Belonging, Kind, Referable};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::list::statement::{Bind, Statement};

/// The condition in SQL on rows of a kind's default view, under that name in the statement.
pub fn sql(statement: &mut Statement, kind: &dyn Kind, row: &str, condition: &Condition) -> String {
    let mut is_one = |belonging: Belonging, id_of: &str, ids: &[Uuid]| {
        let mut columns: Vec<String> =
            resource::fields(kind, belonging).map(|field| format!("{row}.\"{field}\"")).collect();
        columns.extend(resource::is_of(kind, id_of).then(|| format!("{row}.id")));
        if columns.is_empty() || ids.is_empty() {
            return "false".to_owned();
        }
        let ids = statement.bind(Bind::Ids(ids.to_vec()));
        let each: Vec<_> = columns.iter().map(|column| format!("{column} = ANY({ids})")).collect();
        format!("({})", each.join(" OR "))
    };
    match condition {
        Condition::Always => "true".to_owned(),
        Condition::Never => "false".to_owned(),
        Condition::Own(user) => is_one(Belonging::Own, facts::User::TYPE, &[*user]),
        Condition::Team(groups) => is_one(Belonging::Team, facts::Group::TYPE, groups),
        Condition::Domain(domain) => match resource::fields(kind, Belonging::Domain).next() {
            Some(field) => format!("{row}.\"{field}\" = {}", statement.bind(Bind::Text(domain.clone()))),
            None => "false".to_owned(),
        },
        Condition::NoDomain => match resource::fields(kind, Belonging::Domain).next() {
            Some(field) => format!("{row}.\"{field}\" IS NULL"),
            None => "true".to_owned(),
        },
        Condition::All(all) => joined(" AND ", all.iter().map(|one| sql(statement, kind, row, one)), "true"),
        Condition::Any(any) => joined(" OR ", any.iter().map(|one| sql(statement, kind, row, one)), "false"),
        // Of an empty column nothing is known to Postgres; to us it is not so.
        Condition::Not(other) => format!("(({}) IS NOT TRUE)", sql(statement, kind, row, other)),
    }
}

fn joined(by: &str, conditions: impl Iterator<Item = String>, none: &str) -> String {
    let conditions: Vec<_> = conditions.collect();
    match conditions.is_empty() {
        true => none.to_owned(),
        false => format!("({})", conditions.join(by)),
    }
}

/// The condition on documents of a kind in OpenSearch.
pub fn search(kind: &dyn Kind, condition: &Condition) -> Json {
    let nothing = || json!({ "match_none": {} });
    let is_one = |belonging: Belonging, id_of: &str, ids: &[Uuid]| {
        let fields = resource::fields(kind, belonging).chain(resource::is_of(kind, id_of).then_some("id"));
        any(fields.map(|field| json!({ "terms": { field: ids } })).collect())
    };
    match condition {
        Condition::Always => json!({ "match_all": {} }),
        Condition::Never => nothing(),
        Condition::Own(user) => is_one(Belonging::Own, facts::User::TYPE, &[*user]),
        Condition::Team(groups) => is_one(Belonging::Team, facts::Group::TYPE, groups),
        Condition::Domain(domain) => match resource::fields(kind, Belonging::Domain).next() {
            Some(field) => json!({ "term": { field: domain } }),
            None => nothing(),
        },
        Condition::NoDomain => match resource::fields(kind, Belonging::Domain).next() {
            Some(field) => json!({ "bool": { "must_not": [{ "exists": { "field": field } }] } }),
            None => json!({ "match_all": {} }),
        },
        Condition::All(all) => {
            json!({ "bool": { "filter": all.iter().map(|one| search(kind, one)).collect::<Vec<_>>() } })
        }
        Condition::Any(some) => any(some.iter().map(|one| search(kind, one)).collect()),
        Condition::Not(other) => json!({ "bool": { "must_not": [search(kind, other)] } }),
    }
}

fn any(conditions: Vec<Json>) -> Json {
    match conditions.is_empty() {
        true => json!({ "match_none": {} }),
        false => json!({ "bool": { "should": conditions, "minimum_should_match": 1 } }),
    }
}

/// The condition on the daily figures of incidents, which are told by group and domain; none where it cannot be said by those. What
/// cannot be said of one falls out of a choice: figures then show less, never more.
pub fn figures(condition: &Condition) -> Option<String> {
    match condition {
        Condition::Always => Some("1".to_owned()),
        Condition::Team(groups) if !groups.is_empty() => {
            let groups: Vec<_> = groups.iter().map(|group| format!("toUUID('{group}')")).collect();
            Some(format!("`group` IN ({})", groups.join(", ")))
        }
        // The name of a domain is of small letters, digits and hyphens.
        Condition::Domain(domain) if domain.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-') => {
            Some(format!("domain = '{domain}'"))
        }
        Condition::NoDomain => Some(format!("domain = '{}'", IncidentStanding::WHOLE)),
        Condition::All(all) => {
            let all: Option<Vec<_>> = all.iter().map(figures).collect();
            Some(joined(" AND ", all?.into_iter(), "1"))
        }
        Condition::Any(any) => {
            let any: Vec<_> = any.iter().filter_map(figures).collect();
            (!any.is_empty()).then(|| joined(" OR ", any.into_iter(), "0"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: Uuid = Uuid::from_u128(1);

    fn said(type_name: &str, condition: &Condition) -> String {
        let kind = daybook_contents::kind(type_name).unwrap();
        sql(&mut Statement::default(), kind, "v", condition)
    }

    #[test]
    fn own_records_are_those_that_are_about_a_person_or_that_the_person_has() {
        let own = Condition::Own(ADA);
        assert_eq!(said("incident.Incident", &own), r#"(v."caller" = ANY($1) OR v."assignee" = ANY($1))"#);
        assert_eq!(said("identity.User", &own), "(v.id = ANY($1))");
        assert_eq!(said("identity.Credential", &own), "(v.id = ANY($1))", "it has the id of the user");
        assert_eq!(said("identity.Role", &own), "false");
        let other = Condition::Not(Box::new(Condition::Domain("health".into())));
        assert_eq!(said("incident.Incident", &other), r#"((v."domain" = $1) IS NOT TRUE)"#);
    }

    #[test]
    fn figures_show_less_and_never_more() {
        let team = Condition::Team(vec![ADA]);
        let told = "`group` IN (toUUID('00000000-0000-0000-0000-000000000001'))";
        assert_eq!(figures(&team).unwrap(), told);
        assert_eq!(figures(&Condition::Any(vec![Condition::Own(ADA), team.clone()])).unwrap(), format!("({told})"));
        let wall = Condition::Any(vec![Condition::NoDomain, Condition::Domain("health".into())]);
        let walled = format!("((domain = '*' OR domain = 'health') AND {told})");
        assert_eq!(figures(&Condition::All(vec![wall, team.clone()])).unwrap(), walled);
        assert_eq!(figures(&Condition::All(vec![Condition::Own(ADA), team])), None);
        assert_eq!(figures(&Condition::Domain("x' OR '1".into())), None);
        assert_eq!(figures(&Condition::Not(Box::new(Condition::Own(ADA)))), None);
        assert_eq!(figures(&Condition::Never), None);
    }
}
