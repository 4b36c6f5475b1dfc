//! Filters: what a caller asks of the rows of a list, from the query string.
//!
//! `status=new,assigned` asks for any of the values, `opened_at.gte=` and `.lte=` for a range with both ends included,
//! `assigned_to.absent=true` for no value. Everything asked must hold.

use daybook_kernel::FieldError;

use super::columns::Column;

/// Most values one filter may name.
const MOST_VALUES: usize = 100;

/// One thing that must hold for every row of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// The column it asks about.
    pub column: Column,
    /// What it asks.
    pub test: Test,
}

/// What a filter asks about a column; values are in their canonical form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// It is one of these, or, where it is a list, holds one of these.
    AnyOf(Vec<String>),
    /// It is this or later or greater.
    AtLeast(String),
    /// It is this or earlier or less.
    AtMost(String),
    /// There is no value; or, if `false`, there is one.
    Absent(bool),
}

/// Reads the filters of a query string.
///
/// # Errors
/// One for each parameter that is none or whose value does not fit; an unknown one is told the known ones.
pub fn read(columns: &[Column], params: &[(String, String)]) -> Result<Vec<Filter>, Vec<FieldError>> {
    let mut errors = Vec::new();
    let mut filters: Vec<Filter> = Vec::new();
    for (name, said) in params {
        match one(columns, name, said) {
            Ok(filter) => match filters.iter_mut().find(|f| f.column == filter.column) {
                // `a=1&a=2` says the same as `a=1,2`.
                Some(Filter { test: Test::AnyOf(values), .. }) if matches!(filter.test, Test::AnyOf(_)) => {
                    if let Test::AnyOf(more) = filter.test {
                        values.extend(more);
                    }
                }
                _ => filters.push(filter),
            },
            Err(message) => errors.push(FieldError::new(name.clone(), message)),
        }
    }
    for filter in &mut filters {
        if let Test::AnyOf(values) = &mut filter.test {
            if values.len() > MOST_VALUES {
                errors.push(FieldError::new(
                    filter.column.name,
                    format!("must name at most {MOST_VALUES} values, not {}", values.len()),
                ));
            }
            values.sort_unstable();
            values.dedup();
        }
    }
    // The order in which filters are said changes nothing, neither the answer nor which cursor belongs to it.
    filters.sort_by_cached_key(Filter::said);
    if errors.is_empty() { Ok(filters) } else { Err(errors) }
}

fn one(columns: &[Column], name: &str, said: &str) -> Result<Filter, String> {
    let field = name.split_once('.').map_or(name, |(field, _)| field);
    let Some(&column) = columns.iter().find(|column| column.name == field && !endings(column).is_empty()) else {
        let known = columns
            .iter()
            .flat_map(|column| endings(column).into_iter().map(|ending| format!("{}{ending}", column.name)));
        return Err(format!("is no filter of this list; its filters are {}", known.collect::<Vec<_>>().join(", ")));
    };
    let ending = name.strip_prefix(field).unwrap_or_default();
    if !endings(&column).contains(&ending) {
        return Err(format!(
            "is no filter; those of {field} are {}",
            endings(&column).iter().map(|ending| format!("{field}{ending}")).collect::<Vec<_>>().join(", ")
        ));
    }
    let test = match ending {
        ".gte" => Test::AtLeast(column.form.read(said)?),
        ".lte" => Test::AtMost(column.form.read(said)?),
        ".absent" => match said {
            "true" => Test::Absent(true),
            "false" => Test::Absent(false),
            _ => return Err(format!("must be true or false, not {said:?}")),
        },
        _ => Test::AnyOf(split(said).iter().map(|value| column.form.read(value)).collect::<Result<_, _>>()?),
    };
    Ok(Filter { column, test })
}

/// How a column can be asked about: what follows its name in a parameter's.
fn endings(column: &Column) -> Vec<&'static str> {
    let mut endings = Vec::new();
    if column.filter {
        endings.push("");
    }
    // What a list is sorted by has an index, so a range of it is cheap as well.
    if (column.filter || column.sort) && column.form.has_ranges() && !column.many {
        endings.extend([".gte", ".lte"]);
    }
    if column.filter && column.optional {
        endings.push(".absent");
    }
    endings
}

/// The values between commas; `\,` is a comma in a value and `\\` a backslash.
fn split(said: &str) -> Vec<String> {
    let mut values = vec![String::new()];
    let mut characters = said.chars();
    while let Some(character) = characters.next() {
        match character {
            ',' => values.push(String::new()),
            character => {
                let literal = if character == '\\' { characters.next().unwrap_or('\\') } else { character };
                if let Some(value) = values.last_mut() {
                    value.push(literal);
                }
            }
        }
    }
    values
}

impl Filter {
    /// The filter in one canonical text, to tell lists apart.
    pub fn said(&self) -> String {
        let name = self.column.name;
        match &self.test {
            Test::AnyOf(values) => format!("{name}={values:?}"),
            Test::AtLeast(value) => format!("{name}.gte={value:?}"),
            Test::AtMost(value) => format!("{name}.lte={value:?}"),
            Test::Absent(absent) => format!("{name}.absent={absent}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::columns::Form;
    use super::*;

    const fn column(name: &'static str, form: Form, optional: bool) -> Column {
        Column { name, form, many: false, optional, filter: true, sort: true }
    }

    const COLUMNS: &[Column] = &[
        column("status", Form::Choice(&["new", "done"]), false),
        column("due", Form::Time, true),
        column("title", Form::Text, false),
        Column { filter: false, ..column("opened_at", Form::Time, false) },
    ];

    fn asked(pairs: &[(&str, &str)]) -> Result<Vec<Filter>, Vec<FieldError>> {
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        read(COLUMNS, &pairs)
    }

    fn message(pairs: &[(&str, &str)]) -> String {
        asked(pairs).unwrap_err().remove(0).message
    }

    #[test]
    fn any_way_to_say_the_same_is_the_same() {
        let once = asked(&[("due.gte", "2026-01-01T00:00:00Z"), ("status", "new,done,new")]).unwrap();
        let again = asked(&[("status", "done"), ("due.gte", "2026-01-01T01:00:00+01:00"), ("status", "new")]).unwrap();
        assert_eq!(once, again);
        assert_eq!(once[1].test, Test::AnyOf(vec!["done".into(), "new".into()]));
    }

    #[test]
    fn a_comma_in_a_value_is_escaped() {
        let filters = asked(&[("title", r"a\,b,c\\d")]).unwrap();
        assert_eq!(filters[0].test, Test::AnyOf(vec!["a,b".into(), r"c\d".into()]));
    }

    #[test]
    fn what_is_no_filter_is_told_the_filters() {
        assert_eq!(
            message(&[("colour", "red")]),
            "is no filter of this list; its filters are status, due, due.gte, due.lte, due.absent, title, opened_at.gte, opened_at.lte"
        );
        assert_eq!(message(&[("status.gte", "new")]), "is no filter; those of status are status");
        assert_eq!(message(&[("opened_at", "x")]), "is no filter; those of opened_at are opened_at.gte, opened_at.lte");
        assert_eq!(message(&[("due.eq", "x")]), "is no filter; those of due are due, due.gte, due.lte, due.absent");
        assert_eq!(message(&[("status", "old")]), r#"must be one of new, done, not "old""#);
        assert_eq!(asked(&[("status", "old"), ("due", "soon")]).unwrap_err().len(), 2);
    }

    #[test]
    fn the_number_of_values_is_bounded() {
        let many: Vec<String> = (0..101).map(|n| n.to_string()).collect();
        assert_eq!(message(&[("title", &many.join(","))]), "must name at most 100 values, not 101");
    }
}
