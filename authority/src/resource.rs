//! The record that something is to be done to: whose it is, as its fields say.

use daybook_facts as facts;
use daybook_kernel::{Belonging, Datum, Kind, Referable, Shape, State};
use uuid::Uuid;

/// A record, as far as access to it is judged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resource {
    /// The persons whom it is about, or who have it.
    pub own: Vec<Uuid>,
    /// The groups that have it.
    pub team: Vec<Uuid>,
    /// The domain of the organisation that it is of; none where it is of the whole organisation.
    pub domain: Option<String>,
}

impl Resource {
    /// An aggregate as it stands.
    pub fn of(kind: &dyn Kind, id: Uuid, state: &State) -> Self {
        let mut resource = Self::named(kind, id);
        for (belonging, datum) in kind.belonging(state) {
            match belonging {
                Belonging::Own => ids(&datum, &mut resource.own),
                Belonging::Team => ids(&datum, &mut resource.team),
                Belonging::Domain => {
                    if let Datum::Text(text) = datum {
                        resource.domain = Some(text.into());
                    }
                }
            }
        }
        resource
    }

    /// What the id alone says: a person's record is the person's own, a group's is of the group.
    fn named(kind: &dyn Kind, id: Uuid) -> Self {
        Self {
            own: Vec::from_iter(is_of(kind, facts::User::TYPE).then_some(id)),
            team: Vec::from_iter(is_of(kind, facts::Group::TYPE).then_some(id)),
            domain: None,
        }
    }
}

/// Whether a record of that kind has the id of an aggregate of that type: it is one, or shares its id.
pub fn is_of(kind: &dyn Kind, type_name: &str) -> bool {
    kind.meta().type_name == type_name || kind.meta().shares == Some(type_name)
}

/// The fields by which records of a kind belong so.
pub fn fields(kind: &dyn Kind, belonging: Belonging) -> impl Iterator<Item = &'static str> {
    let fields = kind.meta().shape.fields.iter();
    fields.filter(move |field| field.belongs == Some(belonging)).map(|field| field.name)
}

/// Whether that shape can say whose a record is: ids of persons or groups, or the name of a domain.
pub fn can_say(belonging: Belonging, shape: &Shape) -> bool {
    match (belonging, shape.required()) {
        (Belonging::Own, Shape::Ref(to)) => *to == facts::User::TYPE,
        (Belonging::Team, Shape::Ref(to)) => *to == facts::Group::TYPE,
        (Belonging::Domain, Shape::Text { .. }) => true,
        _ => false,
    }
}

fn ids(datum: &Datum, found: &mut Vec<Uuid>) {
    if let Datum::Id(id) = datum {
        found.push(*id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field by which rows are chosen has a column in every store, and one value.
    #[test]
    fn what_says_whose_a_record_is_can_be_filtered_by() {
        for kind in daybook_contents::kinds() {
            for field in kind.meta().shape.fields {
                let Some(belonging) = field.belongs else { continue };
                let name = format!("{}.{}", kind.meta().type_name, field.name);
                assert!(field.view.filter, "{name} belongs and is no filter");
                assert!(can_say(belonging, &field.shape), "{name} cannot say whose it is");
            }
            assert!(fields(kind, Belonging::Domain).count() <= 1, "{:?} is of one domain", kind);
        }
    }
}
