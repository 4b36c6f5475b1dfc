//! The form of a log line: one flat JSON object, so that a request's lines are found by `request_id` or `trace_id`.
//!
//! A layer of its own rather than the JSON formatter of `tracing-subscriber`, which cannot name the service on every line,
//! nests the fields of spans, and takes several times as long; a line is written for every request.

use std::cell::RefCell;
use std::fmt;
use std::io::Write;

use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// Writes `{"time", "level", "service", "target", "message", …}` to standard output: the event's own fields, then those of
/// the spans around it. A field with a dot in its name, as OpenTelemetry has them, is left to the traces.
pub(crate) struct LogLines {
    service: String,
}

/// Fields as JSON, `,"name":value` one after the other, and where each begins.
#[derive(Default)]
struct Fields {
    json: Vec<u8>,
    starts: Vec<(&'static str, usize)>,
}

thread_local! {
    static LINE: RefCell<Fields> = RefCell::default();
}

impl LogLines {
    pub fn new(service: &str) -> Self {
        Self { service: service.to_owned() }
    }
}

impl<S> Layer<S> for LogLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        LINE.with(|line| {
            // Taken already only if a value's own formatting logs; that inner line is given up.
            let Ok(mut line) = line.try_borrow_mut() else {
                return;
            };
            line.begin(event, &self.service);
            event.record(&mut *line);
            // From the innermost span outwards: what is nearer keeps its word.
            for span in context.event_scope(event).into_iter().flatten() {
                if let Some(fields) = span.extensions().get::<Fields>() {
                    line.add_missing(fields);
                }
            }
            line.json.extend_from_slice(b"}\n");
            // A process whose log cannot be written goes on: there is nowhere left to say so.
            let _ = std::io::stdout().lock().write_all(&line.json);
        });
    }
}

impl Fields {
    fn begin(&mut self, event: &Event<'_>, service: &str) {
        self.json.clear();
        self.starts.clear();
        let mut time = String::with_capacity(32);
        let _ = SystemTime.format_time(&mut Writer::new(&mut time));
        let _ = write!(self.json, "{{\"time\":\"{time}\",\"level\":\"{}\"", event.metadata().level());
        self.put("service", service);
        self.put("target", event.metadata().target());
    }

    fn put(&mut self, name: &'static str, value: impl Serialize) {
        if name.contains('.') {
            return;
        }
        self.starts.push((name, self.json.len()));
        // Writing to memory fails only for a value that has no JSON form, and numbers and texts have one.
        let _ = write!(self.json, ",\"{name}\":");
        let _ = serde_json::to_writer(&mut self.json, &value);
    }

    fn add_missing(&mut self, outer: &Self) {
        for (index, (name, start)) in outer.starts.iter().enumerate() {
            if self.starts.iter().all(|(there, _)| there != name) {
                let end = outer.starts.get(index + 1).map_or(outer.json.len(), |(_, next)| *next);
                self.starts.push((name, self.json.len()));
                self.json.extend_from_slice(&outer.json[*start..end]);
            }
        }
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field.name(), value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field.name(), value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.put(field.name(), value.to_string());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field.name(), format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_one_flat_object_and_the_nearer_keeps_its_word() {
        let (mut line, mut outer) = (Fields::default(), Fields::default());
        line.json.push(b'{');
        line.put("message", "said \"so\"\n");
        line.put("otel.name", "for the trace");
        outer.put("message", "the span's");
        outer.put("tenant", "t");
        outer.put("count", 3);
        line.add_missing(&outer);
        line.json.push(b'}');
        let text = String::from_utf8(line.json).unwrap();
        assert_eq!(text, r#"{,"message":"said \"so\"\n","tenant":"t","count":3}"#);
    }
}
