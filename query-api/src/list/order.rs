//! Order: by what a list is sorted, and where a page of it ends.

use daybook_kernel::{FieldError, RecordShape};

use super::columns::Column;

/// The order of a list: by these columns and then by id, all in one direction, so that one index serves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// What is sorted by, most important first. A column that may be absent stands alone.
    pub columns: Vec<Column>,
    /// Greatest first. An absent value counts as the greatest, as in Postgres.
    pub descending: bool,
}

impl Order {
    /// The order of a default view where nothing is said: newest first.
    pub fn newest_first(columns: &[Column]) -> Self {
        let columns = columns.iter().filter(|column| column.name == "created_at").copied().collect();
        Self { columns, descending: true }
    }

    /// The order of a special view where nothing is said: by all that it declares to be sorted by, in that order.
    pub fn declared(shape: &RecordShape, columns: &[Column]) -> Self {
        let declared =
            columns.iter().filter(|column| column.sort && !column.optional && shape.field(column.name).is_some());
        Self { columns: declared.copied().collect(), descending: false }
    }

    /// The order a caller asks for: `opened_at`, or `-opened_at` for the latest first.
    ///
    /// # Errors
    /// When the list cannot be sorted by it; the message names what it can be sorted by.
    pub fn read(columns: &[Column], said: &str) -> Result<Self, FieldError> {
        let (name, descending) = said.strip_prefix('-').map_or((said, false), |name| (name, true));
        match columns.iter().find(|column| column.sort && column.name == name) {
            Some(&column) => Ok(Self { columns: vec![column], descending }),
            None => {
                let known: Vec<_> = columns.iter().filter(|column| column.sort).map(|column| column.name).collect();
                let message = format!(
                    "must be one of {}, with - before it for the greatest first, not {said:?}",
                    known.join(", ")
                );
                Err(FieldError::new("sort", message))
            }
        }
    }

    /// The order in one canonical text, to tell lists apart.
    pub fn said(&self) -> String {
        let names: Vec<_> = self.columns.iter().map(|column| column.name).collect();
        format!("{}{}", if self.descending { "-" } else { "" }, names.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::super::columns::Form;
    use super::*;

    #[test]
    fn only_what_is_declared_sorts() {
        let title = Column { name: "title", form: Form::Text, many: false, optional: false, filter: false, sort: true };
        let note = Column { name: "note", sort: false, ..title };
        assert_eq!(Order::read(&[title, note], "-title").unwrap().said(), "-title");
        let error = Order::read(&[title, note], "note").unwrap_err();
        assert_eq!(error.message, r#"must be one of title, with - before it for the greatest first, not "note""#);
    }
}
