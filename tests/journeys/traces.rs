//! Traces: one trace leads from the HTTP request into every store, as a collector receives it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Bytes, routing::post};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest, common::v1::any_value, trace::v1::Span,
};
use prost::Message as _;

use crate::system::{PROJECTORS, System, Tenant, balancer::INSTANCES, eventually, mended};

/// What the caller says of its own trace: its id, its span, and that it is to be kept.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// A span with the name of the service that sent it.
type Received = Arc<Mutex<Vec<(String, Span)>>>;

/// A collector: takes in what services send by OTLP (http/protobuf).
async fn collector(address: &str) -> Received {
    let received = Received::default();
    let into = Arc::clone(&received);
    let take = post(async move |body: Bytes| {
        for of_service in ExportTraceServiceRequest::decode(body).unwrap().resource_spans {
            let attributes = of_service.resource.into_iter().flat_map(|resource| resource.attributes);
            let name = attributes.filter(|attribute| attribute.key == "service.name").find_map(|attribute| {
                match attribute.value?.value? {
                    any_value::Value::StringValue(name) => Some(name),
                    _ => None,
                }
            });
            let name = name.unwrap_or_default();
            let spans = of_service.scope_spans.into_iter().flat_map(|scope| scope.spans);
            into.lock().unwrap().extend(spans.map(|span| (name.clone(), span)));
        }
    });
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/v1/traces", take)).await });
    received
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the components, see make test"]
async fn one_trace_leads_from_the_request_into_every_store() {
    let system = System::running();
    let mend = async {
        system.services(&["stop"]).await;
        system.mend().await;
    };
    mended(trace_all(&system), mend).await;
}

async fn trace_all(system: &System) {
    let tenant = Tenant::begin(system, "traces").await;
    let address = format!("127.0.0.1:{}", system.port(18_098));
    let received = collector(&address).await;
    let traced = system.clone().with("DAYBOOK_TELEMETRY_OTLP_ENDPOINT", &format!("http://{address}"));
    traced.services(&["stop"]).await;
    traced.services(&["start"]).await;
    traced.services(&["start", INSTANCES[1]]).await;
    traced.services(&["wait"]).await;
    // The way leads through two instances: one that is asked, and one that owns the partition.
    let asked = eventually("one of the two owns the partition", 20, async || {
        match (system.serves(INSTANCES[0], tenant.partition).await, system.serves(INSTANCES[1], tenant.partition).await)
        {
            (true, false) => Ok(system.url(INSTANCES[1])),
            (false, true) => Ok(system.url(INSTANCES[0])),
            _ => Err("nobody, or both".to_owned()),
        }
    })
    .await;

    let report = tenant.agent.post("incidents", tenant.report("The printer smokes"));
    let report = report.header("traceparent", &format!("00-{TRACE}-{CALLER}-01"));
    report.through([asked.as_str()]).accepted().await;
    let of_trace = eventually("a span of the trace from every process", 30, async || {
        let spans: BTreeMap<String, Vec<Span>> =
            received.lock().unwrap().iter().fold(BTreeMap::new(), |mut spans, (name, span)| {
                if hexadecimal(&span.trace_id) == TRACE {
                    spans.entry(name.clone()).or_insert_with(Vec::new).push(span.clone());
                }
                spans
            });
        let has = |process: &str| spans.keys().any(|name| name.ends_with(process));
        // Each instance tells its spans in its own time.
        let forwarded = |span: &Span| span.name.starts_with("forward") || hexadecimal(&span.parent_span_id) == CALLER;
        let told = spans.values().flatten().filter(|span| forwarded(span)).count();
        match PROJECTORS.iter().chain(&["command-api"]).find(|process| !has(process)) {
            None if told < 2 => Err(format!("{told} spans of the instance that was asked")),
            None => Ok(spans),
            Some(missing) => Err(format!("none of {missing}, only of {:?}", spans.keys())),
        }
    })
    .await;

    let (_, of_edge) = of_trace.iter().find(|(name, _)| name.ends_with("command-api")).unwrap();
    let request = of_edge.iter().find(|span| hexadecimal(&span.parent_span_id) == CALLER);
    let request = request.unwrap_or_else(|| panic!("no span of the request under its caller's: {of_edge:?}"));
    assert!(request.name.starts_with("POST /api/v1/incidents"), "{}", request.name);
    let below = |parent: &Span, name: &str| {
        let found = of_edge.iter().find(|span| span.parent_span_id == parent.span_id && span.name.starts_with(name));
        found.unwrap_or_else(|| panic!("no span {name} below {}: {of_edge:?}", parent.name))
    };
    below(below(request, "forward"), "POST /api/v1/incidents");
    for (name, spans) in &of_trace {
        for span in spans.iter().filter(|span| span.span_id != request.span_id) {
            let mut all = of_trace.values().flatten();
            assert!(
                all.any(|parent| parent.span_id == span.parent_span_id),
                "{name}: the parent of {} is unknown",
                span.name
            );
            assert!(span.end_time_unix_nano >= span.start_time_unix_nano && span.start_time_unix_nano > 0);
        }
    }
}
