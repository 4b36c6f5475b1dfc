//! Columns: what the lists of a kind can be filtered and sorted by, as its declaration says.

use daybook_kernel::{Date, RecordShape, Shape, Time};
use uuid::Uuid;

/// The form of a column's values, and so how they are said in a query string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Any text.
    Text,
    /// One of these names.
    Choice(&'static [&'static str]),
    /// A whole number.
    Whole,
    /// `true` or `false`.
    Flag,
    /// A point in time, RFC 3339.
    Time,
    /// A calendar date.
    Date,
    /// A UUID.
    Id,
}

/// Something a list can be filtered or sorted by: a column of the view's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// The field's name, which is the column's.
    pub name: &'static str,
    /// The form of a value.
    pub form: Form,
    /// Whether the field holds a list; a filter then asks whether it holds the value.
    pub many: bool,
    /// Whether the value may be absent.
    pub optional: bool,
    /// Whether lists can be filtered by it.
    pub filter: bool,
    /// Whether lists can be sorted by it.
    pub sort: bool,
}

/// When the aggregate began and when it last changed: columns of every view.
const TIMES: [Column; 2] = [time("created_at"), time("updated_at")];

/// The aggregate's id: a column of every view.
const ID: Column = Column { name: "id", form: Form::Id, many: false, optional: false, filter: true, sort: false };

const fn time(name: &'static str) -> Column {
    Column { name, form: Form::Time, many: false, optional: false, filter: false, sort: true }
}

/// The columns of a view: those that every view has, and the fields declared to be filtered or sorted by.
pub fn columns(shape: &'static RecordShape) -> Vec<Column> {
    let declared = shape.fields.iter().filter(|field| field.view.filter || field.view.sort).filter_map(|field| {
        let (form, many) = match field.shape.required() {
            Shape::List { of, .. } => (form(of)?, true),
            single => (form(single)?, false),
        };
        Some(Column {
            name: field.name,
            form,
            many,
            optional: field.shape.is_optional(),
            filter: field.view.filter,
            sort: field.view.sort && !many,
        })
    });
    std::iter::once(ID).chain(declared).chain(TIMES).collect()
}

/// The form of a column for values of that shape; `None` for what has no column.
fn form(shape: &Shape) -> Option<Form> {
    match shape {
        Shape::Flag => Some(Form::Flag),
        Shape::Whole { .. } => Some(Form::Whole),
        Shape::Text { .. } | Shape::Number | Shape::Blind => Some(Form::Text),
        Shape::Choice { options, .. } => Some(Form::Choice(options)),
        Shape::Time => Some(Form::Time),
        Shape::Date => Some(Form::Date),
        Shape::Id | Shape::Ref(_) => Some(Form::Id),
        _ => None,
    }
}

impl Column {
    /// The column in SQL: of the list's view, and quoted, since a field may be called `group`.
    pub fn sql(&self) -> String {
        format!("v.\"{}\"", self.name)
    }
}

impl Form {
    /// The column's type in Postgres. Values are sent as text and cast by it, which is exact for all of these.
    pub fn sql(self) -> &'static str {
        match self {
            Form::Text | Form::Choice(_) => "text",
            Form::Whole => "bigint",
            Form::Flag => "boolean",
            Form::Time => "timestamptz",
            Form::Date => "date",
            Form::Id => "uuid",
        }
    }

    /// Whether a range of it means something to people.
    pub fn has_ranges(self) -> bool {
        matches!(self, Form::Whole | Form::Time | Form::Date)
    }

    /// A value as said in a query string, in its one canonical form; so two ways to say a thing are one filter.
    ///
    /// # Errors
    /// What the value must be, to follow the field's name.
    pub fn read(self, said: &str) -> Result<String, String> {
        let expected = |what: &str| format!("must be {what}, not {said:?}");
        match self {
            // Postgres keeps no zero character in a text, so nothing can have it.
            Form::Text if said.contains('\0') => Err(expected("a text without the character U+0000")),
            Form::Text => Ok(said.to_owned()),
            Form::Choice(options) if options.contains(&said) => Ok(said.to_owned()),
            Form::Choice(options) => Err(expected(&format!("one of {}", options.join(", ")))),
            Form::Whole => said.parse::<i64>().map(|n| n.to_string()).map_err(|_| expected("a whole number")),
            Form::Flag if matches!(said, "true" | "false") => Ok(said.to_owned()),
            Form::Flag => Err(expected("true or false")),
            Form::Time => Time::parse(said)
                .map(|time| time.to_string())
                .ok_or_else(|| expected("a time such as 2026-11-21T09:00:00Z (RFC 3339)")),
            Form::Date => {
                Date::parse(said).map(|date| date.to_string()).ok_or_else(|| expected("a date such as 2026-11-21"))
            }
            Form::Id => said.parse::<Uuid>().map(|id| id.to_string()).map_err(|_| expected("an id (a UUID)")),
        }
    }
}

#[cfg(test)]
mod tests {
    use daybook_kernel::{Field, View};

    use super::*;

    const STATUS: Shape = Shape::Choice { name: "Status", options: &["open", "done"] };
    const LINK: Shape = Shape::Ref("cmdb.ConfigurationItem");
    const NOTE: Shape = Shape::Text { max: 80, lines: false, format: daybook_kernel::shape::TextFormat::Free };
    const BOTH: View = View { filter: true, sort: true, search: false, facet: false };

    const fn field(name: &'static str, shape: Shape, view: View) -> Field {
        Field { name, doc: "", shape, view, referrers: false, blind: None, belongs: None }
    }

    static TICKET: RecordShape = RecordShape {
        name: "Ticket",
        doc: "",
        fields: &[
            field("status", STATUS, BOTH),
            field("links", Shape::List { of: &LINK, max: 10 }, BOTH),
            field("due", Shape::Optional(&Shape::Time), BOTH),
            field("note", Shape::Personal(&NOTE), BOTH),
            field("hidden", Shape::Time, View { filter: false, sort: false, search: false, facet: false }),
        ],
    };

    #[test]
    fn columns_are_what_is_declared_and_what_every_view_has() {
        let columns = columns(&TICKET);
        let names: Vec<_> = columns.iter().map(|column| column.name).collect();
        assert_eq!(names, ["id", "status", "links", "due", "created_at", "updated_at"]);
        assert!(columns[2].many && !columns[2].sort && columns[2].filter);
        assert!(columns[3].optional);
    }

    #[test]
    fn every_value_has_one_form() {
        assert_eq!(Form::Time.read("2026-11-21T10:00:00+01:00").unwrap(), "2026-11-21T09:00:00Z");
        assert_eq!(Form::Id.read("018F4E0C8A7B7C3D9E2F1A2B3C4D5E6F").unwrap(), "018f4e0c-8a7b-7c3d-9e2f-1a2b3c4d5e6f");
        assert_eq!(Form::Whole.read("007").unwrap(), "7");
        assert_eq!(Form::Choice(&["open", "done"]).read("new").unwrap_err(), r#"must be one of open, done, not "new""#);
        assert!(Form::Date.read("2026-02-30").is_err());
        assert!(Form::Text.read("a\0b").is_err());
    }
}
