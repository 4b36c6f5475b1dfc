//! Lists: the rows of a kind's view, filtered, sorted and cut into pages.

pub mod columns;
pub mod cursor;
pub mod filter;
pub mod order;
pub mod statement;

use std::collections::BTreeSet;

use axum::Json;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use daybook_kernel::{Kind, RecordShape, SpecialView};
use daybook_platform::ApiError;
use serde_json::{Value, json};
use sqlx::Row as _;

use crate::app::{App, Scope};
use crate::asker::Asker;
use crate::document::{Shown, Stored};
use crate::freshness::Position;
use crate::params::{Params, malformed};
use crate::stores::Fault;
use crate::stores::postgres::Reading;
use cursor::Cursor;
use filter::Filter;
use order::Order;
use statement::{Begin, Page, Statement};

/// Rows of a page where nothing is said.
const DEFAULT_LIMIT: i64 = 50;

/// Most rows of a page.
pub const LIMIT: i64 = 200;

/// The version of a view that is live.
pub const LIVE_VERSION: &str = "SELECT version FROM daybook.views WHERE view = $1 AND state = 'live'";

/// A list as a caller asks for it.
#[derive(Debug, Clone)]
pub struct Listing {
    /// Whose rows.
    pub scope: Scope,
    /// The kind whose aggregates are listed.
    pub kind: &'static dyn Kind,
    /// The view, schema-qualified.
    pub view: String,
    /// The default view of its kind: the versions of both are one.
    pub family: String,
    /// What must hold for each row.
    pub filters: Vec<Filter>,
    /// The order.
    pub order: Order,
    /// What is shown of each row.
    pub shown: Shown,
    /// How many rows a page has at most.
    pub limit: i64,
    /// The cursor handed in.
    pub cursor: Option<String>,
}

/// What is listed: the default view of a kind, or a special one.
#[derive(Debug, Clone, Copy)]
pub struct Listed {
    /// The kind whose aggregates are shown.
    pub kind: &'static dyn Kind,
    /// The special view; none for the default one.
    pub special: Option<&'static SpecialView>,
}

/// Answers `GET /api/v1/{path}` and `GET /api/v1/{path}/{special view}`.
///
/// # Errors
/// What HTTP says to a request that is not answered as asked.
pub async fn answer(
    app: App,
    listed: Listed,
    caller: Asker,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, ApiError> {
    let scope = Scope::of(listed.kind, &caller)?;
    let positions = Position::of(&headers)?;
    let listing = Listing::read(listed, scope, params)?;
    app.tides.postgres.passed(listing.scope.tenant, &positions).await?;
    Ok(Json(listing.page(&app).await?).into_response())
}

/// The name of a kind's view: `incident.incidents`.
pub fn view(kind: &dyn Kind) -> String {
    format!("{}.{}", kind.meta().context, kind.meta().plural)
}

impl Listed {
    /// The name of the view, schema-qualified.
    pub fn view(self) -> String {
        self.special.map_or_else(|| view(self.kind), |special| format!("{}.{}", self.kind.meta().context, special.name))
    }

    /// The fields of a row.
    pub fn shape(self) -> &'static RecordShape {
        self.special.map_or(self.kind.meta().shape, |special| special.shape)
    }

    /// All that can be listed.
    pub fn all() -> impl Iterator<Item = Listed> {
        let special = daybook_contents::CONTEXTS
            .iter()
            .flat_map(|context| context.views)
            .filter_map(|special| Some(Listed { kind: daybook_contents::kind(special.of)?, special: Some(special) }));
        daybook_contents::kinds().map(|kind| Listed { kind, special: None }).chain(special)
    }
}

impl Listing {
    /// The list that the parameters ask for.
    ///
    /// # Errors
    /// 400 with everything that is wrong with them.
    pub fn read(listed: Listed, scope: Scope, mut params: Params) -> Result<Self, ApiError> {
        let (view, shape) = (listed.view(), listed.shape());
        let columns = columns::columns(shape);
        let default = match listed.special {
            None => Order::newest_first(&columns),
            Some(_) => Order::declared(shape, &columns),
        };
        let limit = params.number("limit", 1, DEFAULT_LIMIT, LIMIT)?;
        let (sort, fields, cursor) = (params.take("sort")?, params.take("fields")?, params.take("cursor")?);
        let (order, shown) =
            (sort.map_or(Ok(default), |said| Order::read(&columns, &said)), Shown::read(shape, fields.as_deref()));
        match (order, shown, filter::read(&columns, &params.rest())) {
            (Ok(order), Ok(shown), Ok(filters)) => Ok(Self {
                scope,
                kind: listed.kind,
                view,
                family: self::view(listed.kind),
                filters,
                order,
                shown,
                limit,
                cursor,
            }),
            (order, shown, filters) => {
                Err(malformed(order.err().into_iter().chain(shown.err()).chain(filters.err().into_iter().flatten())))
            }
        }
    }

    /// Which list it is, in one canonical text: what a cursor belongs to.
    fn said(&self) -> String {
        let filters: Vec<_> = self.filters.iter().map(Filter::said).collect();
        format!("{} {} {}", self.view, filters.join("&"), self.order.said())
    }

    /// The page: `{items, next_cursor}`.
    ///
    /// # Errors
    /// 400 for a cursor that is none of this list, 410 for one of an older version of the view, 503 when Postgres is away.
    pub async fn page(&self, app: &App) -> Result<Value, ApiError> {
        let tenant = self.scope.tenant;
        let list = self.said();
        let cursor =
            self.cursor.as_deref().map(|text| Cursor::read(text, app.vault.sealer(), tenant, &list)).transpose()?;
        let mut reading = self.scope.reading(app).await?;
        if let Some(cursor) = &cursor {
            let live: Option<String> = sqlx::query_scalar(LIVE_VERSION)
                .bind(&self.family)
                .fetch_optional(&mut *reading)
                .await
                .map_err(Fault::from)?;
            cursor.check(live.as_deref())?;
        }
        let begin = cursor.as_ref().map_or(Begin::Start, |cursor| Begin::After(&cursor.keys, cursor.id));
        // One row more than asked for tells whether there is a next page.
        let mut rows = self.rows(&mut reading, begin, self.limit + 1).await?;
        if let Some(next) = begin.then(&self.order).filter(|_| rows.len() as i64 <= self.limit) {
            rows.extend(self.rows(&mut reading, next, self.limit + 1 - rows.len() as i64).await?);
        }
        drop(reading);

        let more = rows.len() as i64 > self.limit;
        rows.truncate(self.limit as usize);
        let next_cursor = match rows.last().filter(|_| more) {
            None => Value::Null,
            Some((row, place)) => {
                let cursor = Cursor { view_version: place.view_version.clone(), keys: place.keys.clone(), id: row.id };
                cursor.write(app.vault.sealer(), tenant, &list).into()
            }
        };
        let mut keys = BTreeSet::new();
        rows.iter().for_each(|(row, _)| row.keys(&mut keys));
        let ring = app.ring(tenant, keys).await?;
        let items: Vec<_> =
            rows.into_iter().map(|(row, _)| self.shown.of(row, tenant, &ring)).collect::<Result<_, _>>()?;
        Ok(json!({ "items": items, "next_cursor": next_cursor }))
    }

    async fn rows(&self, reading: &mut Reading, begin: Begin<'_>, limit: i64) -> Result<Vec<(Stored, Place)>, Fault> {
        let page = Page {
            view: &self.view,
            family: &self.family,
            tenant: self.scope.tenant,
            kind: self.kind,
            rows: &self.scope.rows,
            clear: &self.scope.clear,
            filters: &self.filters,
            only: self.scope.only,
            order: &self.order,
            begin,
            limit,
        };
        let rows = Statement::page(&page).query().fetch_all(&mut **reading).await?;
        rows.iter()
            .map(|row| {
                let place = Place {
                    keys: row.try_get("keys")?,
                    view_version: row.try_get::<Option<_>, _>("view_version")?.unwrap_or_default(),
                };
                Ok((Stored::read(row)?, place))
            })
            .collect()
    }
}

/// A row's place in its list.
struct Place {
    keys: Vec<Option<String>>,
    view_version: String,
}
