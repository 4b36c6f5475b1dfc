//! Trace context: how one trace goes on from the caller's HTTP request through the journal into every projector.
//!
//! The form is W3C Trace Context's `traceparent`: `00-<trace id>-<span id>-<flags>`, all hexadecimal.

use axum::http::HeaderMap;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tracing::Span;
use tracing::field::Empty;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::{request, telemetry};

/// The name of the header, over HTTP as in Kafka.
pub const TRACEPARENT: &str = "traceparent";

/// Reads a `traceparent`; `None` if it is not valid, for then a trace starts anew, as the standard wants.
pub fn parse(traceparent: &str) -> Option<SpanContext> {
    let mut parts = traceparent.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let hexadecimal =
        |text: &str, length| text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let form_is_valid = hexadecimal(version, 2)
        && hexadecimal(trace, 32)
        && hexadecimal(span, 16)
        && hexadecimal(flags, 2)
        && version != "ff"
        // A later version may append parts, this one may not.
        && (version != "00" || parts.next().is_none());
    if !form_is_valid {
        return None;
    }
    let context = SpanContext::new(
        TraceId::from_hex(trace).ok()?,
        SpanId::from_hex(span).ok()?,
        TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED,
        true,
        TraceState::NONE,
    );
    context.is_valid().then_some(context)
}

/// Writes a `traceparent`.
pub fn format(context: &SpanContext) -> String {
    format!("00-{}-{}-{:02x}", context.trace_id(), context.span_id(), context.trace_flags().to_u8())
}

/// The valid `traceparent` among a request's headers.
pub fn extract(headers: &HeaderMap) -> Option<SpanContext> {
    parse(headers.get(TRACEPARENT)?.to_str().ok()?)
}

/// Sets the current `traceparent` on the headers of a request that this process makes.
pub fn inject(headers: &mut HeaderMap) {
    if let Some(value) = current_traceparent().and_then(|text| text.parse().ok()) {
        headers.insert(TRACEPARENT, value);
    }
}

/// The `traceparent` to hand on from here: that of the current span where traces are exported, else the one that the caller
/// of the current HTTP request sent. Ask for it in the request's own task; a spawned task knows no request.
pub fn current_traceparent() -> Option<String> {
    if telemetry::is_exporting() {
        let current = opentelemetry::Context::current();
        let current = current.span().span_context().clone();
        if current.is_valid() {
            return Some(format(&current));
        }
    }
    request::current().and_then(|request| request.traceparent).map(|text| text.to_string())
}

/// A span in a trace that began elsewhere, as a projector opens it for an entry. Where no traces are exported, where there is
/// no valid `traceparent`, or where its trace is not sampled, it is a span that costs and shows nothing.
pub fn span_from_traceparent(name: &str, traceparent: Option<&str>) -> Span {
    if !telemetry::is_exporting() {
        return Span::none();
    }
    let Some(parent) = traceparent.and_then(parse).filter(SpanContext::is_sampled) else {
        return Span::none();
    };
    let trace_id = parent.trace_id();
    let span = tracing::info_span!("entry", otel.name = name, otel.kind = "consumer", trace_id = %trace_id);
    adopt(&span, parent);
    span
}

/// Makes `span`, not yet entered, a child of a remote span.
pub(crate) fn adopt(span: &Span, parent: SpanContext) {
    // It fails only where the span is disabled or traces are not exported; then there is nothing to adopt.
    let _ = span.set_parent(opentelemetry::Context::new().with_remote_span_context(parent));
}

/// The span of one HTTP request. Fields with a dot are for the trace; the others also stand on every log line in it.
pub(crate) fn request_span(request_id: &str, method: &str, route: &str, parent: Option<SpanContext>) -> Span {
    if !telemetry::is_exporting() {
        let span = tracing::info_span!("request", request_id, trace_id = Empty, tenant = Empty, actor = Empty);
        if let Some(parent) = parent {
            span.record("trace_id", tracing::field::display(parent.trace_id()));
        }
        return span;
    }
    let span = tracing::info_span!(
        "request",
        request_id,
        trace_id = Empty,
        tenant = Empty,
        actor = Empty,
        otel.name = format!("{method} {route}"),
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = method,
        http.route = route,
        http.response.status_code = Empty,
    );
    if let Some(parent) = parent {
        adopt(&span, parent);
    }
    let context = span.context();
    span.record("trace_id", tracing::field::display(context.span().span_context().trace_id()));
    span
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_valid_traceparent_is_read_and_written_back() {
        let context = parse(SENT).unwrap();
        assert!(context.is_sampled() && context.is_remote());
        assert_eq!(format(&context), SENT);
        assert!(parse("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00-later").is_some());
    }

    #[test]
    fn an_invalid_one_is_none() {
        for wrong in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e47360-0f067aa0ba902b7-01",
            "00-é",
        ] {
            assert!(parse(wrong).is_none(), "{wrong}");
        }
    }
}
