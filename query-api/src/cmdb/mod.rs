//! Questions about the technical estate: what has to do with what, and who is affected when something fails.

pub mod graph;
pub mod impact;
pub mod items;
pub mod relationships;

use daybook_platform::ApiError;

use crate::params::Params;

/// The types of relationships that a caller asks for, separated by commas; all where nothing is said.
fn types_of(params: &mut Params, known: &[&str]) -> Result<Vec<String>, ApiError> {
    let Some(said) = params.take("type")? else { return Ok(known.iter().map(|name| (*name).to_owned()).collect()) };
    let types: Vec<_> = said.split(',').map(str::to_owned).collect();
    match types.iter().find(|name| !known.contains(&name.as_str())) {
        None => Ok(types),
        Some(unknown) => {
            Err(ApiError::field("type", format!("must name some of {}, not {unknown:?}", known.join(", "))))
        }
    }
}
