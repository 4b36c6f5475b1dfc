//! Figures of incidents over time: how many came and went, and how many were open, by day, group and category.
//!
//! They come from facts that never change, so the figures of a past day never change either, whatever becomes of its incidents.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use clickhouse::Row;
use daybook_kernel::{Date, Tenant};
use daybook_platform::ApiError;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::app::{App, Scope};
use crate::asker::Asker;
use crate::freshness::Position;
use crate::params::Params;
use crate::rows;

/// Days of an answer where nothing is said.
const DEFAULT_DAYS: i32 = 30;

/// Most days of an answer: ten years and their leap days.
const MOST_DAYS: i32 = 3_653;

/// Most items of an answer.
const MOST_ITEMS: usize = 20_000;

/// What figures can be told apart by.
const DIMENSIONS: [&str; 3] = ["day", "group", "category"];

/// What figures a caller asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The first day, in UTC.
    pub from: Date,
    /// The last day.
    pub to: Date,
    /// What they are told apart by.
    pub by: Vec<&'static str>,
}

/// What happened on a day, or in a group or category: a row of [`volume_sql`].
#[derive(Debug, Row, Deserialize)]
struct Volume {
    day_name: String,
    group_name: String,
    category_name: String,
    opened: i64,
    resolved: i64,
    closed: i64,
    reopened: i64,
    cancelled: i64,
}

/// By how many the open incidents grew: a row of [`growth_sql`].
#[derive(Debug, Row, Deserialize)]
struct Growth {
    day_number: i32,
    group_name: String,
    category_name: String,
    grown: i64,
}

impl Asked {
    /// Reads `from`, `to` and `by`.
    ///
    /// # Errors
    /// 400 with what is wrong with them.
    pub fn read(mut params: Params, today: Date) -> Result<Self, ApiError> {
        let mut date = |name: &str| match params.take(name)? {
            None => Ok(None),
            Some(said) => match Date::parse(&said) {
                Some(date) => Ok(Some(date)),
                None => Err(ApiError::field(name, format!("must be a date such as 2026-11-21, not {said:?}"))),
            },
        };
        let (from, to) = (date("from")?, date("to")?);
        let to = to.unwrap_or(today);
        let from = from.unwrap_or(Date(to.0.saturating_sub(DEFAULT_DAYS - 1)));
        if from > to {
            return Err(ApiError::field("from", format!("must not be after {to}")));
        }
        if to.0 - from.0 >= MOST_DAYS {
            return Err(ApiError::field("from", format!("must be at most {MOST_DAYS} days before {to}")));
        }
        let by = params.take("by")?.unwrap_or_else(|| "day".to_owned());
        params.end(&["from", "to", "by"])?;
        let mut chosen = Vec::new();
        for said in by.split(',').map(str::trim) {
            match DIMENSIONS.into_iter().find(|dimension| *dimension == said) {
                Some(dimension) => chosen.push(dimension),
                None => {
                    return Err(ApiError::field("by", format!("must name some of day, group, category, not {said:?}")));
                }
            }
        }
        // In one order, each once.
        let by = DIMENSIONS.into_iter().filter(|dimension| chosen.contains(dimension)).collect();
        Ok(Self { from, to, by })
    }

    fn is_by(&self, dimension: &str) -> bool {
        self.by.contains(&dimension)
    }

    /// The expressions for group and category, the same for all where it is not told apart by them.
    fn places(&self) -> String {
        let place = |dimension: &str, expression: &str| match self.is_by(dimension) {
            true => format!("{expression} AS {dimension}_name"),
            false => format!("'' AS {dimension}_name"),
        };
        format!("{}, {}", place("group", "toString(`group`)"), place("category", "category"))
    }

    /// An item with the dimensions asked for.
    fn item(&self, day: String, group: String, category: String) -> Map<String, Value> {
        let mut item = Map::new();
        for (dimension, value) in [("day", day), ("group", group), ("category", category)] {
            if self.is_by(dimension) {
                // A group that is nil and a category that is empty are none.
                let none = value.is_empty() || value == "00000000-0000-0000-0000-000000000000";
                item.insert(dimension.into(), if none { Value::Null } else { value.into() });
            }
        }
        item
    }

    fn answer(&self, items: Vec<Value>) -> Result<Response, ApiError> {
        if items.len() > MOST_ITEMS {
            let message =
                format!("must be later: these would be more than {MOST_ITEMS} items; or tell them apart by less");
            return Err(ApiError::field("from", message));
        }
        let (from, to) = (self.from.to_string(), self.to.to_string());
        Ok(Json(json!({ "from": from, "to": to, "by": self.by, "items": items })).into_response())
    }
}

/// How many incidents came and went, for `?` the tenant, the first and the last day.
pub fn volume_sql(table: &str, asked: &Asked, rows: &str) -> String {
    let day = if asked.is_by("day") { "toString(day)" } else { "''" };
    format!(
        "SELECT {day} AS day_name, {}, sum(opened) AS opened, sum(resolved) AS resolved, sum(closed) AS closed, \
         sum(reopened) AS reopened, sum(cancelled) AS cancelled FROM {table} \
         WHERE tenant = toUUID(?) AND day BETWEEN toDate32(?) AND toDate32(?) AND {rows} \
         GROUP BY day_name, group_name, category_name ORDER BY day_name, group_name, category_name LIMIT {}",
        asked.places(),
        MOST_ITEMS + 1,
    )
}

/// By how many the open incidents grew each day, and before the first day in all, for `?` the first day less one, the tenant
/// and the last day.
pub fn growth_sql(table: &str, asked: &Asked, rows: &str) -> String {
    format!(
        "SELECT toInt32(greatest(day, toDate32(?))) AS day_number, {}, sum(backlog) AS grown FROM {table} \
         WHERE tenant = toUUID(?) AND day <= toDate32(?) AND {rows} \
         GROUP BY day_number, group_name, category_name HAVING grown != 0 ORDER BY day_number",
        asked.places(),
    )
}

/// Answers `GET /api/v1/metrics/incidents/volume`.
///
/// # Errors
/// What HTTP says to a request that is not answered as asked.
pub async fn volume(
    State(app): State<App>,
    caller: Asker,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, ApiError> {
    let Begun { tenant, domain, asked, rows } = begin(&app, &caller, &headers, params).await?;
    let sql = volume_sql(&app.clickhouse.table("incident_daily"), &asked, &rows);
    let query = app
        .clickhouse
        .of(tenant, domain.as_deref(), &sql)
        .bind(tenant.to_string())
        .bind(asked.from.to_string())
        .bind(asked.to.to_string());
    let rows: Vec<Volume> = app.clickhouse.rows(query).await?;
    let items = rows.into_iter().map(|row| {
        let mut item = asked.item(row.day_name, row.group_name, row.category_name);
        let counts = [row.opened, row.resolved, row.closed, row.reopened, row.cancelled];
        for (name, count) in ["opened", "resolved", "closed", "reopened", "cancelled"].into_iter().zip(counts) {
            item.insert(name.into(), count.into());
        }
        Value::Object(item)
    });
    asked.answer(items.collect())
}

/// Answers `GET /api/v1/metrics/incidents/backlog`: the open incidents at the end of each day, or of the last one.
///
/// # Errors
/// What HTTP says to a request that is not answered as asked.
pub async fn backlog(
    State(app): State<App>,
    caller: Asker,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, ApiError> {
    let Begun { tenant, domain, asked, rows } = begin(&app, &caller, &headers, params).await?;
    let sql = growth_sql(&app.clickhouse.table("incident_daily"), &asked, &rows);
    let before = Date(asked.from.0 - 1).to_string();
    let query = app
        .clickhouse
        .of(tenant, domain.as_deref(), &sql)
        .bind(before)
        .bind(tenant.to_string())
        .bind(asked.to.to_string());
    let rows: Vec<Growth> = app.clickhouse.rows(query).await?;
    let growth = rows.into_iter().map(|row| (row.day_number, (row.group_name, row.category_name), row.grown));
    let items = levels(&asked, growth).into_iter().map(|(day, (group, category), open)| {
        let mut item = asked.item(day.to_string(), group, category);
        item.insert("open".into(), open.into());
        Value::Object(item)
    });
    asked.answer(items.collect())
}

/// The permission to see figures of incidents.
const MEASURE: &str = "incident:measure";

/// Who asks for what, of which groups' incidents.
struct Begun {
    tenant: Tenant,
    /// The domain of who asks; the store keeps others' rows back once more.
    domain: Option<String>,
    asked: Asked,
    /// A condition in SQL.
    rows: String,
}

/// What is asked for, once ClickHouse is as fresh as they need.
async fn begin(app: &App, caller: &Asker, headers: &HeaderMap, params: Params) -> Result<Begun, ApiError> {
    let incident = daybook_contents::kind("incident.Incident").ok_or_else(ApiError::internal)?;
    let scope = Scope::with(incident, caller, MEASURE)?;
    // Figures are told by group and domain: those of a person cannot be told apart.
    let rows = rows::figures(scope.rows.condition()).ok_or_else(|| ApiError::forbidden(MEASURE))?;
    let positions = Position::of(headers)?;
    let today = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() / 86_400);
    let asked = Asked::read(params, Date(today as i32))?;
    app.tides.clickhouse.passed(scope.tenant, &positions).await?;
    Ok(Begun { tenant: scope.tenant, domain: scope.domain, asked, rows })
}

/// A group and a category.
type Place = (String, String);

/// How many are open at the end of each day (or of the last day, where days are not told apart), from how they grew: day by
/// day in order, places without open incidents left out, unless there is but one place.
fn levels(asked: &Asked, growth: impl IntoIterator<Item = (i32, Place, i64)>) -> Vec<(Date, Place, i64)> {
    let mut growth = growth.into_iter().peekable();
    let mut open: BTreeMap<Place, i64> = BTreeMap::new();
    let is_one = !asked.is_by("group") && !asked.is_by("category");
    if is_one {
        open.insert(Place::default(), 0);
    }
    let mut levels = Vec::new();
    for day in asked.from.0..=asked.to.0 {
        while let Some((_, place, grown)) = growth.next_if(|(grown_on, ..)| *grown_on <= day) {
            *open.entry(place).or_default() += grown;
        }
        if asked.is_by("day") || day == asked.to.0 {
            let shown = open.iter().filter(|(_, open)| is_one || **open != 0);
            levels.extend(shown.map(|(place, open)| (Date(day), place.clone(), *open)));
        }
        // The caller refuses so many; there is no use in making more of them.
        if levels.len() > MOST_ITEMS {
            break;
        }
    }
    levels
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(by: &[&'static str], from: i32, to: i32) -> Asked {
        Asked { from: Date(from), to: Date(to), by: by.to_vec() }
    }

    fn place(group: &str) -> Place {
        (group.to_owned(), String::new())
    }

    #[test]
    fn the_backlog_is_what_grew_until_then() {
        // Ten before the first day; two more on the second day; five fewer on the fourth.
        let growth = || [(9, place(""), 10), (11, place(""), 2), (13, place(""), -5)];
        let days: Vec<_> =
            levels(&asked(&["day"], 10, 14), growth()).iter().map(|(day, _, open)| (day.0, *open)).collect();
        assert_eq!(days, [(10, 10), (11, 12), (12, 12), (13, 7), (14, 7)]);
        let last: Vec<_> = levels(&asked(&[], 10, 14), growth()).iter().map(|(day, _, open)| (day.0, *open)).collect();
        assert_eq!(last, [(14, 7)]);
        assert_eq!(levels(&asked(&["day"], 1, 2), []).len(), 2, "a day without incidents is told");
    }

    #[test]
    fn what_moves_leaves_one_group_for_the_other() {
        let growth = [(10, place("a"), 1), (11, place("a"), -1), (11, place("b"), 1)];
        let levels = levels(&asked(&["day", "group"], 10, 11), growth);
        let said: Vec<_> = levels.iter().map(|(day, (group, _), open)| (day.0, group.as_str(), *open)).collect();
        assert_eq!(said, [(10, "a", 1), (11, "b", 1)]);
    }

    #[tokio::test]
    async fn a_range_is_bounded_and_told_in_one_order() {
        use axum::extract::FromRequestParts as _;
        let read = async |query: &str| {
            let request = axum::http::Request::get(format!("/x?{query}")).body(()).unwrap();
            let params = Params::from_request_parts(&mut request.into_parts().0, &()).await.unwrap();
            Asked::read(params, Date(100)).map_err(|mut error| error.details.remove(0))
        };
        assert_eq!(read("").await.unwrap(), asked(&["day"], 71, 100));
        assert_eq!(
            read("from=1970-01-11&to=1970-01-12&by=category,day,day").await.unwrap(),
            asked(&["day", "category"], 10, 11)
        );
        assert_eq!(read("from=1970-01-12&to=1970-01-11").await.unwrap_err().message, "must not be after 1970-01-11");
        assert_eq!(read("from=1960-01-01").await.unwrap_err().message, "must be at most 3653 days before 1970-04-11");
        assert_eq!(read("by=moon").await.unwrap_err().message, r#"must name some of day, group, category, not "moon""#);
        assert_eq!(read("from=yesterday").await.unwrap_err().field, "from");
    }
}
