//! The SQL of a page of a list: by keyset, so that its cost does not grow with how far one has paged.
//!
//! What varies is put together from names of the declaration; what a caller says is only ever a bound value.

use daybook_authority as authority;
use daybook_kernel::{Kind, Tenant};
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Postgres, query};
use uuid::Uuid;

use super::columns::Column;
use super::filter::{Filter, Test};
use super::order::Order;
use crate::rows;

/// A value of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bind {
    /// An id.
    Id(Uuid),
    /// Ids.
    Ids(Vec<Uuid>),
    /// A text, cast in the statement to what it means.
    Text(String),
    /// Texts, cast in the statement to what they mean.
    Texts(Vec<String>),
    /// A whole number.
    Whole(i64),
}

/// SQL with the values for its placeholders.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statement {
    /// The text; it holds nothing that a caller said.
    pub sql: String,
    /// The values of `$1`, `$2`, …
    pub binds: Vec<Bind>,
}

/// Which rows a page is cut from, and how.
#[derive(Debug, Clone)]
pub struct Page<'a> {
    /// The view, schema-qualified: `incident.incidents`.
    pub view: &'a str,
    /// The name under which its version is kept: that of its kind's default view.
    pub family: &'a str,
    /// Whose rows. Row-level security says the same; saying it twice lets the planner choose the index by it.
    pub tenant: Tenant,
    /// The kind whose aggregates are shown.
    pub kind: &'static dyn Kind,
    /// Which of them the caller may see.
    pub rows: &'a authority::Filter,
    /// In which of them the caller may see what is personal.
    pub clear: &'a authority::Filter,
    /// What must hold for each row.
    pub filters: &'a [Filter],
    /// Where only one row may be seen: its id.
    pub only: Option<Uuid>,
    /// The order.
    pub order: &'a Order,
    /// Where in the order it begins.
    pub begin: Begin<'a>,
    /// How many rows at most.
    pub limit: i64,
}

/// Where in its order a page begins.
///
/// Absent values come last ascending and first descending; among them the id decides. A comparison does not see them, so a
/// page that reaches from the ones to the others is cut in two stretches, each served by the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin<'a> {
    /// With the first row.
    Start,
    /// After the row with these values of the order's columns and this id.
    After(&'a [Option<String>], Uuid),
    /// With the first row without a value.
    Absent,
    /// With the first row that has one.
    Present,
}

impl Begin<'_> {
    /// The stretch that follows once this one has no more rows.
    pub fn then(self, order: &Order) -> Option<Begin<'static>> {
        let [Column { optional: true, .. }] = order.columns.as_slice() else { return None };
        match self {
            Begin::After([Some(_)], _) if !order.descending => Some(Begin::Absent),
            Begin::After([None], _) if order.descending => Some(Begin::Present),
            _ => None,
        }
    }
}

impl Statement {
    /// That text, with values for the placeholders in it.
    pub fn new(sql: impl Into<String>, binds: Vec<Bind>) -> Self {
        Self { sql: sql.into(), binds }
    }

    /// The same, of those rows of a kind that somebody may see. The text names the rows `v` and ends with its conditions.
    pub fn of(mut self, kind: &dyn Kind, rows: &authority::Filter) -> Self {
        if !rows.is_everything() {
            let condition = rows::sql(&mut self, kind, "v", rows.condition());
            self.sql += &format!(" AND {condition}");
        }
        self
    }

    /// Whether what is personal in a row `v` of a kind's default view may be seen, as a column `is_clear`.
    pub fn is_clear(&mut self, kind: &dyn Kind, clear: &authority::Filter) -> String {
        // A comparison with an empty column is neither true nor false to Postgres; what is not known to be for somebody is not.
        format!("({}) IS TRUE AS is_clear", rows::sql(self, kind, "v", clear.condition()))
    }

    /// Adds a value and gives its placeholder.
    pub fn bind(&mut self, value: Bind) -> String {
        self.binds.push(value);
        format!("${}", self.binds.len())
    }

    /// The page's statement. Its rows are `id, version, created_at, updated_at` (microseconds), `keys` (the order's columns as
    /// text), `view_version`, `is_clear` and `doc`.
    pub fn page(page: &Page<'_>) -> Self {
        let mut statement = Self::default();
        let family = statement.bind(Bind::Text(page.family.to_owned()));
        let tenant = statement.bind(Bind::Id(page.tenant));
        let keys: Vec<_> = page.order.columns.iter().map(|column| format!("{}::text", column.sql())).collect();
        let clear = statement.holds(page, page.clear);
        // Columns are named with their table: `created_at` alone would be the one shown, which no index serves.
        let mut select = format!(
            "SELECT v.id, v.version, (extract(epoch FROM v.created_at) * 1000000)::bigint AS created_at, \
             (extract(epoch FROM v.updated_at) * 1000000)::bigint AS updated_at, ARRAY[{}] AS keys, \
             (SELECT version FROM daybook.views WHERE view = {family} AND state = 'live') AS view_version, \
             ({clear}) IS TRUE AS is_clear, v.doc \
             FROM {} v WHERE v.tenant = {tenant}",
            keys.join(", "),
            page.view,
        );
        if let Some(only) = page.only {
            let only = statement.bind(Bind::Id(only));
            select += &format!(" AND v.id = {only}");
        }
        if !page.rows.is_everything() {
            let condition = statement.holds(page, page.rows);
            select += &format!(" AND {condition}");
        }
        for filter in page.filters {
            let condition = statement.condition(filter);
            select += &format!(" AND {condition}");
        }
        if let Some(beginning) = statement.beginning(page.order, page.begin) {
            select += &format!(" AND {beginning}");
        }
        let direction = if page.order.descending { "DESC" } else { "ASC" };
        let columns = page.order.columns.iter().map(Column::sql).chain(["v.id".to_owned()]);
        let order: Vec<_> = columns.map(|name| format!("{name} {direction}")).collect();
        let limit = statement.bind(Bind::Whole(page.limit));
        statement.sql = format!("{select} ORDER BY {} LIMIT {limit}", order.join(", "));
        statement
    }

    /// The condition that a row is among those of a filter. A special view need not hold what says whose an aggregate is; its
    /// default view does.
    fn holds(&mut self, page: &Page<'_>, filter: &authority::Filter) -> String {
        if filter.is_everything() || page.view == page.family {
            return rows::sql(self, page.kind, "v", filter.condition());
        }
        let condition = rows::sql(self, page.kind, "a", filter.condition());
        format!("v.id IN (SELECT a.id FROM {} a WHERE a.tenant = v.tenant AND {condition})", page.family)
    }

    /// The text of the statement: names that are declared, and places for what a caller says.
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// The condition that the rows of a page are not before its beginning.
    fn beginning(&mut self, order: &Order, begin: Begin<'_>) -> Option<String> {
        let names: Vec<_> = order.columns.iter().map(Column::sql).collect();
        let beyond = if order.descending { "<" } else { ">" };
        match begin {
            Begin::Start => None,
            Begin::Absent => Some(format!("{} IS NULL", names[0])),
            Begin::Present => Some(format!("{} IS NOT NULL", names[0])),
            Begin::After([None], id) => {
                let id = self.bind(Bind::Id(id));
                Some(format!("{} IS NULL AND v.id {beyond} {id}", names[0]))
            }
            Begin::After(keys, id) => {
                let mut places: Vec<_> = order
                    .columns
                    .iter()
                    .zip(keys)
                    .map(|(column, key)| {
                        format!("{}::{}", self.bind(Bind::Text(key.clone().unwrap_or_default())), column.form.sql())
                    })
                    .collect();
                places.push(self.bind(Bind::Id(id)));
                Some(format!("({}, v.id) {beyond} ({})", names.join(", "), places.join(", ")))
            }
        }
    }

    fn condition(&mut self, filter: &Filter) -> String {
        let (name, form) = (filter.column.sql(), filter.column.form.sql());
        match &filter.test {
            Test::AnyOf(values) => {
                let values = self.bind(Bind::Texts(values.clone()));
                match filter.column.many {
                    true => format!("{name} && {values}::text[]::{form}[]"),
                    false => format!("{name} = ANY({values}::text[]::{form}[])"),
                }
            }
            Test::AtLeast(value) => format!("{name} >= {}::{form}", self.bind(Bind::Text(value.clone()))),
            Test::AtMost(value) => format!("{name} <= {}::{form}", self.bind(Bind::Text(value.clone()))),
            Test::Absent(true) => format!("{name} IS NULL"),
            Test::Absent(false) => format!("{name} IS NOT NULL"),
        }
    }

    /// The statement, ready to be run. Postgres keeps it prepared: of one kind of list there are few.
    pub fn query(self) -> Query<'static, Postgres, PgArguments> {
        self.binds.into_iter().fold(query(AssertSqlSafe(self.sql)), |query, bind| match bind {
            Bind::Id(id) => query.bind(id),
            Bind::Ids(ids) => query.bind(ids),
            Bind::Text(text) => query.bind(text),
            Bind::Texts(texts) => query.bind(texts),
            Bind::Whole(n) => query.bind(n),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use daybook_platform::Caller;

    use super::super::columns::Form;
    use super::*;
    use crate::asker::Asker;

    const DUE: Column = Column { name: "due", form: Form::Time, many: false, optional: true, filter: true, sort: true };

    /// All rows, as for who holds a token that says all.
    fn everything() -> authority::Filter {
        Asker::bearer(&Caller { permissions: Arc::new(["*".to_owned()].into()), ..Caller::default() })
            .records("incident:read")
    }

    fn sql(descending: bool, begin: Begin<'_>) -> String {
        let order = Order { columns: vec![DUE], descending };
        let page = Page {
            view: "c.tickets",
            family: "c.tickets",
            tenant: Uuid::nil(),
            kind: daybook_contents::kind("incident.Incident").unwrap(),
            rows: &everything(),
            clear: &everything(),
            filters: &[],
            only: None,
            order: &order,
            begin,
            limit: 3,
        };
        let sql = Statement::page(&page).sql;
        sql[sql.find("v.tenant = ").unwrap()..].to_owned()
    }

    #[test]
    fn a_page_begins_after_the_last_row() {
        let id = Uuid::from_u128(1);
        let key = [Some("2026-01-01T00:00:00Z".to_owned())];
        assert_eq!(sql(false, Begin::Start), "v.tenant = $2 ORDER BY v.\"due\" ASC, v.id ASC LIMIT $3");
        assert_eq!(
            sql(true, Begin::After(&key, id)),
            "v.tenant = $2 AND (v.\"due\", v.id) < ($3::timestamptz, $4) ORDER BY v.\"due\" DESC, v.id DESC LIMIT $5"
        );
        assert_eq!(
            sql(false, Begin::After(&[None], id)),
            "v.tenant = $2 AND v.\"due\" IS NULL AND v.id > $3 ORDER BY v.\"due\" ASC, v.id ASC LIMIT $4"
        );
        let order = Order { columns: vec![DUE], descending: false };
        assert_eq!(Begin::After(&key, id).then(&order), Some(Begin::Absent));
        assert_eq!(Begin::After(&[None], id).then(&order), None);
    }

    #[test]
    fn what_a_caller_says_is_never_sql() {
        let filter = Filter { column: DUE, test: Test::AtLeast("'; DROP TABLE x".into()) };
        let order = Order { columns: vec![DUE], descending: false };
        let page = Page {
            view: "c.tickets",
            family: "c.tickets",
            tenant: Uuid::nil(),
            kind: daybook_contents::kind("incident.Incident").unwrap(),
            rows: &everything(),
            clear: &everything(),
            filters: &[filter],
            only: None,
            order: &order,
            begin: Begin::Start,
            limit: 3,
        };
        let statement = Statement::page(&page);
        assert!(!statement.sql.contains("DROP"));
        assert_eq!(statement.binds[2], Bind::Text("'; DROP TABLE x".into()));
    }
}
