//! Configuration items as the graph's answers name them, and the relationships between them.

use std::collections::HashMap;

use daybook_kernel::Kind;
use serde_json::{Value as Json, json};
use sqlx::Row as _;
use uuid::Uuid;

use super::graph::Edge;
use crate::app::Scope;
use crate::list::statement::{Bind, Statement};
use crate::stores::Fault;
use crate::stores::postgres::Reading;

/// The relationships of those types between all of a tenant's items: one scan, however deep an analysis goes. A retired item
/// keeps its relationships but nothing depends on it any more.
pub const EDGES: &str = "
SELECT ci.id AS source, r.target, r.type AS kind
FROM cmdb.configuration_items ci CROSS JOIN LATERAL jsonb_to_recordset(ci.doc->'relationships') AS r (target uuid, type text)
WHERE ci.tenant = $1 AND ci.status <> 'retired' AND r.type = ANY($2)";

/// The relationships that begin or end at one item.
pub const EDGES_OF: &str = "
SELECT ci.id AS source, r.target, r.type AS kind
FROM cmdb.configuration_items ci CROSS JOIN LATERAL jsonb_to_recordset(ci.doc->'relationships') AS r (target uuid, type text)
WHERE ci.tenant = $1 AND (ci.id = $2 OR r.target = $2) AND r.type = ANY($3)";

/// What an answer says of items.
pub const ITEMS: &str = "
SELECT id, number, name, ci_type, environment, status FROM cmdb.configuration_items v WHERE tenant = $1 AND id = ANY($2)";

/// The kind.
///
/// # Panics
/// Never: the contents hold it, and a test says so.
pub fn kind() -> &'static dyn Kind {
    daybook_contents::kind("cmdb.ConfigurationItem").expect("the contents hold configuration items")
}

/// The names of all types of relationships.
///
/// # Panics
/// Never, as [`kind`].
pub fn relation_types() -> &'static [&'static str] {
    use daybook_kernel::Shape;
    let shape = kind().meta().shape.field("relationships").map(|(_, field)| &field.shape);
    let Some(Shape::List { of: Shape::Record(relationship), .. }) = shape else {
        unreachable!("an item has relationships")
    };
    match relationship.field("type").map(|(_, field)| &field.shape) {
        Some(Shape::Choice { options, .. }) => options,
        _ => unreachable!("a relationship has a type"),
    }
}

/// An edge from a row of the statements above.
///
/// # Errors
/// When the row is of another form.
pub fn edge(row: &sqlx::postgres::PgRow) -> Result<Edge, Fault> {
    Ok(Edge { source: row.try_get("source")?, target: row.try_get("target")?, kind: row.try_get("kind")? })
}

/// What an answer says of those of these items that the caller may see, by id.
///
/// # Errors
/// When Postgres is away.
pub async fn named(reading: &mut Reading, scope: &Scope, ids: &[Uuid]) -> Result<HashMap<Uuid, Json>, Fault> {
    let items = Statement::new(ITEMS, vec![Bind::Id(scope.tenant), Bind::Ids(ids.to_vec())]).of(kind(), &scope.rows);
    let rows = items.query().fetch_all(&mut **reading).await?;
    rows.iter()
        .map(|row| {
            let id: Uuid = row.try_get("id")?;
            let text = |name: &str| row.try_get::<String, _>(name);
            let item = json!({
                "id": id,
                "number": text("number")?,
                "name": text("name")?,
                "ci_type": text("ci_type")?,
                "environment": text("environment")?,
                "status": text("status")?,
            });
            Ok((id, item))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_declaration_has_relationships_of_types() {
        assert!(super::relation_types().contains(&"depends_on"));
    }
}
