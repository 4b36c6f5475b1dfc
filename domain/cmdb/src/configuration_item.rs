//! A configuration item: a part of the technical estate, from its plan to its retirement.

use std::collections::BTreeMap;

use daybook_facts::{self as facts, subscription::Metric};
use daybook_kernel::{
    Aggregate, Body, Book, Choice, Commands, Context, Decision, Events, Line, Number, Published, Record, Ref,
    Rejection, Rule, Scalar, Unique, accept, nothing, reject,
};

pub use daybook_facts::configuration_item::Status;

mod relations;
#[cfg(test)]
mod scenarios;

pub use relations::{RelationType, Relationship};

/// How many relationships begin at one configuration item at most.
const RELATIONSHIPS_MAX: usize = 500;

/// A part of the technical estate.
#[derive(Debug, Clone, PartialEq, Record)]
#[record(context = "cmdb", plural = "configuration_items", path = "cmdb/cis", events = "ci", number = "CI")]
pub struct ConfigurationItem {
    /// Its number in the tenant's series.
    #[view(filter, sort, search)]
    pub number: Number,
    /// Where it stands in its life.
    #[view(filter, facet)]
    pub status: Status,
    /// What it is called; unique among those of its type and environment.
    #[view(filter, sort, search)]
    pub name: Line<160>,
    /// What it is.
    #[view(filter, facet)]
    pub ci_type: CiType,
    /// What it is for.
    #[view(filter, facet)]
    pub environment: Environment,
    /// What else is known of it, by name.
    pub attributes: BTreeMap<String, Scalar>,
    /// Who answers for it.
    #[view(filter)]
    #[belongs(own)]
    pub owner: Option<Ref<facts::User>>,
    /// The maker's serial number.
    #[view(filter, search)]
    pub serial: Option<Line<80>>,
    /// Where it stands.
    #[view(filter)]
    pub location: Option<Line<160>>,
    /// What it has to do with others.
    #[book(referrers)]
    pub relationships: Vec<Relationship>,
}

/// What a configuration item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum CiType {
    /// Something people use, made of applications.
    Service,
    /// A program.
    Application,
    /// A database.
    Database,
    /// A machine.
    Server,
    /// A machine inside another.
    VirtualMachine,
    /// A program with what it needs, in a machine.
    Container,
    /// A switch, a router, a firewall.
    NetworkDevice,
    /// A disk, or many of them.
    Storage,
}

/// What a configuration item is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum Environment {
    /// Real work.
    Production,
    /// The last try before it.
    Staging,
    /// Making it.
    Development,
}

/// What is said of a new configuration item.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct NewItem {
    /// What it is called.
    pub name: Line<160>,
    /// What it is.
    pub ci_type: CiType,
    /// What it is for.
    pub environment: Environment,
    /// What else is known of it, by name.
    pub attributes: BTreeMap<String, Scalar>,
    /// Who answers for it.
    pub owner: Option<Ref<facts::User>>,
    /// The maker's serial number.
    pub serial: Option<Line<80>>,
    /// Where it stands.
    pub location: Option<Line<160>>,
}

/// A configuration item was written down.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Created {
    /// Its number in the tenant's series.
    pub number: Number,
    /// What it is called.
    pub name: Line<160>,
    /// What it is.
    pub ci_type: CiType,
    /// What it is for.
    pub environment: Environment,
    /// What else is known of it, by name.
    pub attributes: BTreeMap<String, Scalar>,
    /// Who answers for it.
    pub owner: Option<Ref<facts::User>>,
    /// The maker's serial number.
    pub serial: Option<Line<80>>,
    /// Where it stands.
    pub location: Option<Line<160>>,
}

/// What is different now; what is left out stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Body)]
pub struct Changed {
    /// What it is called.
    pub name: Option<Line<160>>,
    /// Attributes that are new or have another value.
    pub attributes: BTreeMap<String, Scalar>,
    /// Names of attributes that are gone.
    pub removed_attributes: Vec<Line<64>>,
    /// Who answers for it.
    pub owner: Option<Ref<facts::User>>,
    /// The maker's serial number.
    pub serial: Option<Line<80>>,
    /// Where it stands.
    pub location: Option<Line<160>>,
}

/// What it is, and what it is for.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Class {
    /// What it is.
    pub ci_type: CiType,
    /// What it is for.
    pub environment: Environment,
}

/// What may be asked of a configuration item.
#[derive(Debug, Clone, Commands)]
pub enum Command {
    /// Writes one down, as planned.
    Create(NewItem),
    /// Says what is different.
    Update(Changed),
    /// Takes it into operation.
    Activate,
    /// Takes it out of operation for a time.
    Deactivate,
    /// Takes it away for good, where no active one would miss it.
    Retire,
    /// Takes it away for good, whoever would miss it.
    ForceRetire,
    /// Says that it is something else, or for something else.
    Reclassify(Class),
    /// Says what it has to do with another.
    AddRelationship(Relationship),
    /// Takes that back.
    RemoveRelationship(Relationship),
}

/// What may have happened to a configuration item.
#[derive(Debug, Clone, PartialEq, Events)]
pub enum Event {
    /// It was written down.
    Created(Created),
    /// Something is different.
    Updated(Changed),
    /// It was taken into operation.
    Activated,
    /// It was taken out of operation.
    Deactivated,
    /// It is gone.
    Retired,
    /// It is something else, or for something else.
    Reclassified(Class),
    /// It has to do with another.
    RelationshipAdded(Relationship),
    /// It has no longer to do with it.
    RelationshipRemoved(Relationship),
}

impl Aggregate for ConfigurationItem {
    type Status = Status;
    type Command = Command;
    type Event = Event;

    fn status(&self) -> Status {
        self.status
    }

    fn rule(kind: Kind) -> Rule<Status> {
        use Status::{Active, Inactive, Planned, Retired};
        const HERE: &[Status] = &[Planned, Active, Inactive];
        match kind {
            Kind::Create => Rule::create().to(&[Planned]).may("ci:create"),
            Kind::Update | Kind::Reclassify => Rule::from(HERE).may("ci:update"),
            Kind::Activate => Rule::from(&[Planned, Inactive]).to(&[Active]).may("ci:operate"),
            Kind::Deactivate => Rule::from(&[Active]).to(&[Inactive]).may("ci:operate"),
            Kind::Retire => Rule::from(HERE).to(&[Retired]).may("ci:retire"),
            Kind::ForceRetire => Rule::from(HERE).to(&[Retired]).may("ci:retire_force"),
            Kind::AddRelationship | Kind::RemoveRelationship => Rule::from(HERE).may("ci:relate"),
        }
    }

    fn decide(this: Option<&Self>, command: Command, book: &Book<'_>, context: &Context<'_>) -> Decision<Event> {
        let Some(this) = this else {
            return match command {
                Command::Create(item) => create(item, book, context),
                _ => Err(Rejection::not_found("configuration item")),
            };
        };
        let own = Ref::new(context.id);
        match command {
            Command::Create(_) => reject("ALREADY_EXISTS", "the configuration item exists already"),
            Command::Update(asked) => this.update(asked, context),
            Command::Activate => accept(Event::Activated),
            Command::Deactivate => accept(Event::Deactivated),
            Command::Retire => match relations::dependants(own, book).next() {
                Some(one) => {
                    reject("HAS_DEPENDANTS", format!("{} ({}) is active and needs it", one.name.as_str(), one.number))
                }
                None => accept(Event::Retired),
            },
            Command::ForceRetire => accept(Event::Retired),
            Command::Reclassify(Class { ci_type, environment })
                if (this.ci_type, this.environment) == (ci_type, environment) =>
            {
                nothing()
            }
            Command::Reclassify(class) => this.reclassify(own, class, book),
            Command::AddRelationship(relationship) => this.relate(own, relationship, book),
            Command::RemoveRelationship(known) if this.relationships.contains(&known) => {
                accept(Event::RelationshipRemoved(known))
            }
            Command::RemoveRelationship(_) => nothing(),
        }
    }

    fn begin(event: &Event) -> Option<Self> {
        let Event::Created(created) = event.clone() else { return None };
        Some(Self {
            number: created.number,
            status: Status::Planned,
            name: created.name,
            ci_type: created.ci_type,
            environment: created.environment,
            attributes: created.attributes,
            owner: created.owner,
            serial: created.serial,
            location: created.location,
            relationships: Vec::new(),
        })
    }

    fn evolve(&mut self, event: &Event) {
        match event.clone() {
            Event::Created(_) => {}
            Event::Updated(changed) => {
                self.name = changed.name.unwrap_or_else(|| self.name.clone());
                self.attributes.extend(changed.attributes);
                self.attributes.retain(|name, _| !changed.removed_attributes.iter().any(|gone| gone.as_str() == name));
                self.owner = changed.owner.or(self.owner);
                self.serial = changed.serial.or_else(|| self.serial.take());
                self.location = changed.location.or_else(|| self.location.take());
            }
            Event::Activated => self.status = Status::Active,
            Event::Deactivated => self.status = Status::Inactive,
            Event::Retired => self.status = Status::Retired,
            Event::Reclassified(Class { ci_type, environment }) => {
                self.ci_type = ci_type;
                self.environment = environment;
            }
            Event::RelationshipAdded(relationship) => self.relationships.push(relationship),
            Event::RelationshipRemoved(gone) => self.relationships.retain(|known| *known != gone),
        }
    }

    fn unique(&self) -> Vec<Unique> {
        let name = self.name.as_str().to_lowercase();
        vec![Unique::new("name", format!("{}/{}/{name}", self.ci_type.name(), self.environment.name()))]
    }

    fn counts(&self) -> bool {
        self.status != Status::Retired
    }

    fn fact(&self) -> Option<Published> {
        Some(Published::new(facts::ConfigurationItem { status: self.status }))
    }
}

fn create(item: NewItem, book: &Book<'_>, context: &Context<'_>) -> Decision<Event> {
    let count = book.count::<ConfigurationItem>();
    facts::Subscription::room(context, Metric::ConfigurationItems, count)?;
    if let Some(owner) = item.owner {
        facts::User::active(context, "owner", owner)?;
    }
    accept(Event::Created(Created {
        number: book.next_number::<ConfigurationItem>(),
        name: item.name,
        ci_type: item.ci_type,
        environment: item.environment,
        attributes: item.attributes,
        owner: item.owner,
        serial: item.serial,
        location: item.location,
    }))
}

impl ConfigurationItem {
    fn update(&self, asked: Changed, context: &Context<'_>) -> Decision<Event> {
        let mut removed = asked.removed_attributes;
        removed.retain(|name| {
            self.attributes.contains_key(name.as_str()) && !asked.attributes.contains_key(name.as_str())
        });
        let attributes = asked.attributes.into_iter().filter(|(name, value)| self.attributes.get(name) != Some(value));
        let changed = Changed {
            name: asked.name.filter(|name| *name != self.name),
            attributes: attributes.collect(),
            removed_attributes: removed,
            owner: asked.owner.filter(|owner| Some(*owner) != self.owner),
            serial: asked.serial.filter(|serial| Some(serial) != self.serial.as_ref()),
            location: asked.location.filter(|location| Some(location) != self.location.as_ref()),
        };
        if let Some(owner) = changed.owner {
            facts::User::active(context, "owner", owner)?;
        }
        if changed == Changed::default() { nothing() } else { accept(Event::Updated(changed)) }
    }

    /// What it has to do with others must be allowed for what it becomes, in both directions.
    fn reclassify(&self, own: Ref<Self>, class: Class, book: &Book<'_>) -> Decision<Event> {
        let from_it = self.relationships.iter().filter_map(|known| {
            let target = book.get(known.target)?;
            (!known.r#type.allows(class.ci_type, target.ci_type)).then_some(target)
        });
        let to_it = book.referrers::<Self>("relationships", own.id()).filter_map(|one| book.get(one)).filter(|one| {
            one.relationships
                .iter()
                .any(|known| known.target == own && !known.r#type.allows(one.ci_type, class.ci_type))
        });
        match from_it.chain(to_it).next() {
            Some(other) => {
                let message =
                    format!("its relationship with {} is not possible for a {}", other.number, class.ci_type.name());
                reject("RELATIONSHIP_NOT_ALLOWED", message)
            }
            None => accept(Event::Reclassified(class)),
        }
    }

    fn relate(&self, own: Ref<Self>, new: Relationship, book: &Book<'_>) -> Decision<Event> {
        if new.target == own {
            return reject("RELATED_TO_ITSELF", "a configuration item has nothing to do with itself");
        }
        if self.relationships.contains(&new) {
            return nothing();
        }
        let Some(target) = book.get(new.target).filter(|target| target.status != Status::Retired) else {
            return Err(Rejection::unprocessable(
                "UNKNOWN_CI",
                "the target is not a configuration item in use in this tenant",
            )
            .field("target", "must be a configuration item of this tenant that is not retired"));
        };
        if !new.r#type.allows(self.ci_type, target.ci_type) {
            let (from, relation, to) = (self.ci_type.name(), new.r#type.name(), target.ci_type.name());
            return reject("RELATIONSHIP_NOT_ALLOWED", format!("{from} {relation} {to} is not possible"));
        }
        if new.r#type.has_no_circles() && relations::leads_to(new.target, own, new.r#type, book) {
            return reject(
                "RELATIONSHIP_CIRCLE",
                format!("{} leads back to it by {} already", target.number, new.r#type.name()),
            );
        }
        if self.relationships.len() >= RELATIONSHIPS_MAX {
            return reject("TOO_MANY", format!("a configuration item has at most {RELATIONSHIPS_MAX} relationships"));
        }
        accept(Event::RelationshipAdded(new))
    }
}
