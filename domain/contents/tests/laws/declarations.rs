//! What a declaration may say: names, permissions, references, words for everything.

use std::collections::HashSet;

use daybook_contents::{CONTEXTS, ERASED, SUBJECTS, event, kind, kind_at, kinds};
use daybook_kernel::{RecordShape, Shape};

/// Calls back for every shape below, with the field's path.
fn each_shape(record: &'static RecordShape, path: &str, found: &mut impl FnMut(&str, &'static Shape)) {
    fn below(shape: &'static Shape, path: &str, found: &mut impl FnMut(&str, &'static Shape)) {
        found(path, shape);
        match shape {
            Shape::Optional(of) | Shape::Personal(of) | Shape::List { of, .. } | Shape::Map { of, .. } => {
                below(of, path, found)
            }
            Shape::Record(record) | Shape::Log(record) => each_shape(record, path, found),
            _ => {}
        }
    }
    for field in record.fields {
        below(&field.shape, &format!("{path}.{}", field.name), found);
    }
}

/// Every record of every kind: the state, the bodies of commands and events.
fn each_record(mut found: impl FnMut(String, &'static RecordShape)) {
    for kind in kinds() {
        let name = kind.meta().type_name;
        found(name.to_owned(), kind.meta().shape);
        kind.commands().iter().for_each(|command| found(format!("{name}/{}", command.name), command.body));
        kind.events().iter().for_each(|event| found(format!("{name}:{}", event.name), event.body));
    }
}

#[test]
fn names_are_unique() {
    let mut seen = HashSet::new();
    for kind in kinds() {
        let meta = kind.meta();
        assert!(seen.insert(("type", meta.type_name)), "{}", meta.type_name);
        assert!(seen.insert(("path", meta.path)), "{}", meta.path);
        assert!(seen.insert(("events", meta.events)), "{}", meta.events);
        assert_eq!(daybook_contents::kind(meta.type_name).unwrap().meta(), meta);
        assert_eq!(kind_at(meta.path).unwrap().meta(), meta);
        for (index, shape) in kind.events().iter().enumerate() {
            let (found, place) = event(&kind.wire_name(index)).unwrap();
            assert_eq!((found.meta().type_name, place), (meta.type_name, index), "{}", shape.name);
        }
        let names: HashSet<_> = kind.commands().iter().map(|command| command.name).collect();
        assert_eq!(names.len(), kind.commands().len());
    }
}

#[test]
fn every_kind_is_of_its_context() {
    for context in CONTEXTS {
        for kind in context.kinds {
            assert_eq!(kind.meta().context, context.name);
            assert!(kind.meta().type_name.starts_with(&format!("{}.", context.name)));
        }
    }
}

#[test]
fn every_permission_is_of_its_resource() {
    for kind in kinds() {
        for (index, command) in kind.commands().iter().enumerate() {
            let (resource, action) = kind.permission(index).split_once(':').unwrap();
            assert_eq!(resource, kind.meta().events, "{}", command.name);
            assert!(action.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{action}");
        }
        assert!(kind.commands().iter().enumerate().any(|(index, _)| kind.transition(index).from.is_none()));
    }
}

#[test]
fn references_lead_to_kinds() {
    each_record(|name, record| {
        each_shape(record, &name, &mut |path, shape| {
            if let Shape::Ref(to) = shape {
                assert!(kind(to).is_some(), "{path} refers to {to}, which is no kind");
            }
        });
    });
}

#[test]
fn everything_has_words() {
    for kind in kinds() {
        for command in kind.commands() {
            assert!(command.doc.ends_with('.'), "{} {}", kind.meta().type_name, command.name);
        }
        for event in kind.events() {
            assert!(event.doc.ends_with('.'), "{} {}", kind.meta().type_name, event.name);
        }
    }
    each_record(|name, record| {
        assert!(!record.doc.is_empty(), "{name}");
        record.fields.iter().for_each(|field| assert!(field.doc.ends_with('.'), "{name}.{}", field.name));
    });
}

#[test]
fn a_blind_index_is_optional_and_stands_beside_a_personal_text() {
    each_record(|name, record| {
        for field in record.fields {
            let beside = field.blind.and_then(|of| record.field(of)).map(|(_, of)| &of.shape);
            match &field.shape {
                // Entries from before it was declared have none.
                Shape::Optional(Shape::Blind) => {
                    assert!(beside.is_some_and(Shape::holds_personal), "{name}.{}", field.name)
                }
                _ => assert!(beside.is_none() && *field.shape.required() != Shape::Blind, "{name}.{}", field.name),
            }
        }
    });
}

#[test]
fn growing_lists_stand_in_states_only() {
    for kind in kinds() {
        let bodies =
            kind.commands().iter().map(|command| command.body).chain(kind.events().iter().map(|event| event.body));
        for body in bodies {
            each_shape(body, body.name, &mut |path, shape| assert!(!matches!(shape, Shape::Log(_)), "{path}"));
        }
    }
}

#[test]
fn lists_are_filtered_and_sorted_by_what_has_a_column() {
    for kind in kinds() {
        for field in kind.meta().shape.fields {
            let has_column = match field.shape.required() {
                Shape::Personal(_) | Shape::Record(_) | Shape::Map { .. } | Shape::Log(_) | Shape::Scalar => false,
                Shape::List { of, .. } => matches!(of, Shape::Ref(_) | Shape::Id),
                _ => true,
            };
            let view = field.view;
            assert!(
                has_column || !(view.filter || view.sort || view.facet),
                "{}.{}",
                kind.meta().type_name,
                field.name
            );
        }
    }
}

#[test]
fn a_subject_is_an_account_that_the_first_event_names() {
    let (account, erased) = event(ERASED).unwrap();
    assert_eq!((account.meta().type_name, account.meta().subject), (SUBJECTS, Some("id")));
    assert!(account.events()[erased].body.fields.iter().all(|field| !field.shape.holds_personal()));
    for kind in kinds() {
        let meta = kind.meta();
        let Some(subject) = meta.subject.filter(|_| meta.type_name != SUBJECTS) else { continue };
        let names =
            |record: &RecordShape| record.field(subject).is_some_and(|(_, field)| field.shape == Shape::Ref(SUBJECTS));
        assert!(names(meta.shape), "{}.{subject} must be a reference to an account", meta.type_name);
        // The eraser hears of it before anything personal can be added.
        assert!(kind.events().iter().any(|event| names(event.body)), "{}: no event names {subject}", meta.type_name);
        let first = &kind.events()[0];
        assert!(names(first.body), "{}: {} must name {subject}", meta.type_name, first.name);
    }
}
