//! The tables of views, derived from the declaration: what is made, what is loaded for folding, what is written.

use std::fmt::Write as _;

use daybook_kernel::{Belonging, RecordShape, Shape};

use crate::view::Family;

/// The columns that every view has before those of its declaration.
const FIXED: [&str; 9] =
    ["tenant", "id", "version", "created_at", "updated_at", "position_partition", "position_number", "doc", "tableoid"];

/// The physical tables of one version of a family, with the statements on them.
#[derive(Debug, Clone)]
pub struct Tables {
    /// The default view.
    pub main: Table,
    /// Growing lists, with the places of their fields.
    pub logs: Vec<(usize, LogTable)>,
    /// Special views, in the order of the family's.
    pub specials: Vec<Table>,
}

/// The table of a default or special view.
#[derive(Debug, Clone)]
pub struct Table {
    /// The name of the SQL view that shows the live version: `incident.incidents`.
    pub shown_as: String,
    /// The physical name: `incident.incidents_0f3a9c21`.
    pub name: String,
    /// Makes the table.
    pub create: String,
    /// Makes its indexes, one statement each.
    pub indexes: Vec<String>,
    /// Loads rows by tenant and id.
    pub load: String,
    /// Inserts or replaces rows.
    pub upsert: String,
    /// Deletes rows by tenant and id.
    pub remove: String,
    /// The column that says of which domain a row is, where there is one.
    domain: Option<&'static str>,
}

/// The table of a growing list.
#[derive(Debug, Clone)]
pub struct LogTable {
    /// The name of the SQL view that shows the live version: `incident.incidents_comments`.
    pub shown_as: String,
    /// The physical name.
    pub name: String,
    /// Makes the table.
    pub create: String,
    /// Adds items; those there already stay.
    pub insert: String,
}

impl Tables {
    /// The tables of that version of a family.
    pub fn new(family: &Family, version: &str) -> Self {
        let suffix = &version[..8];
        let plural = family.kind.meta().plural;
        let logs = family
            .logs()
            .map(|(place, field, _)| {
                (place, LogTable::new(family.context, &format!("{plural}_{}", field.name), suffix))
            })
            .collect();
        let special = |view: &&daybook_kernel::SpecialView| Table::new(family.context, view.name, suffix, view.shape);
        Self {
            main: Table::new(family.context, plural, suffix, family.kind.meta().shape),
            logs,
            specials: family.specials.iter().map(special).collect(),
        }
    }

    /// The SQL views and the physical tables they show.
    pub fn shown(&self) -> impl Iterator<Item = (&str, &str)> {
        let tables = std::iter::once(&self.main).chain(&self.specials).map(|table| (&*table.shown_as, &*table.name));
        tables.chain(self.logs.iter().map(|(_, log)| (&*log.shown_as, &*log.name)))
    }

    /// Makes all tables, readable for that role, and each tenant's rows for that tenant only; rows of a domain not for other domains.
    pub fn create(&self, reader: &str) -> String {
        let mut sql = format!("CREATE SCHEMA IF NOT EXISTS {};\n", self.main.schema());
        let tables = std::iter::once(&self.main).chain(&self.specials);
        let tables = tables.map(|table| (&table.name, &table.create, table.domain));
        for (name, create, domain) in tables.chain(self.logs.iter().map(|(_, log)| (&log.name, &log.create, None))) {
            // Who is of a domain reads its rows and those of the whole organisation.
            let of_domain = domain.map_or_else(String::new, |column: &str| {
                format!(
                    " AND ({column:?} IS NULL OR coalesce(nullif(current_setting('daybook.domain', true), ''), {column:?}) = {column:?})"
                )
            });
            let _ = write!(
                sql,
                "{create};\nALTER TABLE {name} ENABLE ROW LEVEL SECURITY;\nDROP POLICY IF EXISTS tenant ON {name};\n\
                 CREATE POLICY tenant ON {name} USING (tenant = nullif(current_setting('daybook.tenant', true), '')::uuid{of_domain});\n\
                 GRANT SELECT ON {name} TO {reader};\n"
            );
        }
        sql
    }

    /// Makes the indexes of all tables: after the rows when a version is built.
    pub fn indexes(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.main).chain(&self.specials).flat_map(|table| table.indexes.iter().map(String::as_str))
    }

    /// Shows these tables under the names that readers use. A reader's own rights hold, so row-level security does.
    pub fn show(&self, reader: &str) -> String {
        let mut sql = String::new();
        for (shown_as, name) in self.shown() {
            let _ = write!(
                sql,
                "DROP VIEW IF EXISTS {shown_as};\nCREATE VIEW {shown_as} WITH (security_invoker = true) AS TABLE {name};\n\
                 GRANT SELECT ON {shown_as} TO {reader};\n"
            );
        }
        let _ = writeln!(sql, "GRANT USAGE ON SCHEMA {} TO {reader};", self.main.schema());
        sql
    }
}

impl Table {
    fn new(schema: &str, view: &str, suffix: &str, shape: &RecordShape) -> Self {
        let name = format!("{schema}.{view}_{suffix}");
        let columns = columns(shape);
        let definitions: String =
            columns.iter().map(|column| format!("    {:?} {},\n", column.name, column.sql_type)).collect();
        let names: String = columns.iter().map(|column| format!("{:?}, ", column.name)).collect();
        let values: String = columns.iter().map(|column| format!("{}, ", column.value)).collect();
        let updates: String = columns.iter().map(|column| format!("{0:?} = excluded.{0:?}, ", column.name)).collect();
        let indexed = |(place, column): (usize, &Column)| match column.is_list {
            true => {
                format!("CREATE INDEX IF NOT EXISTS {view}_{suffix}_{place} ON {name} USING gin ({:?})", column.name)
            }
            false => {
                format!("CREATE INDEX IF NOT EXISTS {view}_{suffix}_{place} ON {name} (tenant, {:?}, id)", column.name)
            }
        };
        let by_time = ["created", "updated"]
            .map(|when| format!("CREATE INDEX IF NOT EXISTS {view}_{suffix}_{when} ON {name} (tenant, {when}_at, id)"));
        Self {
            shown_as: format!("{schema}.{view}"),
            create: format!(
                "CREATE TABLE IF NOT EXISTS {name} (\n    tenant uuid NOT NULL,\n    id uuid NOT NULL,\n    version bigint NOT NULL,\n    \
                 created_at timestamptz NOT NULL,\n    updated_at timestamptz NOT NULL,\n    position_partition integer NOT NULL,\n    \
                 position_number bigint NOT NULL,\n{definitions}    doc jsonb NOT NULL,\n    PRIMARY KEY (tenant, id)\n) WITH (fillfactor = 85)"
            ),
            indexes: by_time.into_iter().chain(columns.iter().enumerate().map(indexed)).collect(),
            load: format!(
                "SELECT v.tenant, v.id, v.version, v.created_at, v.updated_at, v.position_partition, v.position_number, v.doc\n\
                 FROM unnest($1::uuid[], $2::uuid[]) AS u (tenant, id) JOIN {name} v USING (tenant, id)"
            ),
            upsert: format!(
                "INSERT INTO {name} (tenant, id, version, created_at, updated_at, position_partition, position_number, {names}doc)\n\
                 SELECT u.tenant, u.id, u.version, u.created_at, u.updated_at, u.position_partition, u.position_number, {values}u.doc\n\
                 FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::timestamptz[], $5::timestamptz[], $6::integer[], $7::bigint[], $8::jsonb[])\n    \
                 AS u (tenant, id, version, created_at, updated_at, position_partition, position_number, doc)\n\
                 ON CONFLICT (tenant, id) DO UPDATE SET version = excluded.version, updated_at = excluded.updated_at,\n    \
                 position_partition = excluded.position_partition, position_number = excluded.position_number, {updates}doc = excluded.doc"
            ),
            remove: format!(
                "DELETE FROM {name} v USING unnest($1::uuid[], $2::uuid[]) AS u (tenant, id) WHERE v.tenant = u.tenant AND v.id = u.id"
            ),
            name,
            domain: shape.fields.iter().find(|field| field.belongs == Some(Belonging::Domain)).map(|field| field.name),
        }
    }

    fn schema(&self) -> &str {
        self.name.split('.').next().unwrap_or_default()
    }
}

impl LogTable {
    fn new(schema: &str, view: &str, suffix: &str) -> Self {
        let name = format!("{schema}.{view}_{suffix}");
        Self {
            shown_as: format!("{schema}.{view}"),
            create: format!(
                "CREATE TABLE IF NOT EXISTS {name} (\n    tenant uuid NOT NULL,\n    id uuid NOT NULL,\n    item bigint NOT NULL,\n    \
                 at timestamptz NOT NULL,\n    position_partition integer NOT NULL,\n    position_number bigint NOT NULL,\n    \
                 doc jsonb NOT NULL,\n    PRIMARY KEY (tenant, id, item)\n)"
            ),
            insert: format!(
                "INSERT INTO {name} (tenant, id, item, at, position_partition, position_number, doc)\n\
                 SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::timestamptz[], $5::integer[], $6::bigint[], $7::jsonb[])\n\
                 ON CONFLICT DO NOTHING"
            ),
            name,
        }
    }
}

/// A column that the declaration asks for.
struct Column {
    name: &'static str,
    sql_type: &'static str,
    /// What it holds, from the document `u.doc`, so that a row is written from its document alone.
    value: String,
    is_list: bool,
}

fn columns(shape: &RecordShape) -> Vec<Column> {
    let asked = shape.fields.iter().filter(|field| field.view.filter || field.view.sort);
    asked
        .filter(|field| !FIXED.contains(&field.name))
        .filter_map(|field| {
            let name = field.name;
            let (sql_type, is_list) = match field.shape.required() {
                Shape::List { of, .. } => (list_type(of)?, true),
                other => (scalar_type(other)?, false),
            };
            let value = match (sql_type, is_list) {
                ("text", false) => format!("u.doc->>'{name}'"),
                (sql_type, false) => format!("(u.doc->>'{name}')::{sql_type}"),
                (sql_type, true) => format!(
                    "ARRAY(SELECT e::{} FROM jsonb_array_elements_text(coalesce(nullif(u.doc->'{name}', 'null'), '[]')) e)",
                    &sql_type[..sql_type.len() - 2]
                ),
            };
            Some(Column { name, sql_type, value, is_list })
        })
        .collect()
}

fn scalar_type(shape: &Shape) -> Option<&'static str> {
    Some(match shape {
        Shape::Flag => "boolean",
        Shape::Whole { .. } => "bigint",
        Shape::Text { .. } | Shape::Choice { .. } | Shape::Number | Shape::Scalar | Shape::Blind => "text",
        Shape::Time => "timestamptz",
        Shape::Date => "date",
        Shape::Id | Shape::Ref(_) => "uuid",
        // Personal data is sealed, and what has parts is looked up in the document.
        _ => return None,
    })
}

fn list_type(of: &Shape) -> Option<&'static str> {
    Some(match of {
        Shape::Id | Shape::Ref(_) => "uuid[]",
        Shape::Text { .. } | Shape::Choice { .. } => "text[]",
        _ => return None,
    })
}
