//! One trace from a client through a service into a projector, as a collector receives it by OTLP; and the log lines that
//! belong to it.
//!
//! A test of its own process, since logs and traces are set up once for a process.

#![allow(clippy::unwrap_used)] // also in what the tests stand on, which Clippy does not take for tests

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::routing::{get, post};
use daybook_platform::sections::{Http, Telemetry};
use daybook_platform::{Health, Shutdown, edge, serve, telemetry, trace_context};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tracing::Instrument;

const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const UNSAMPLED: &str = "00-5bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

async fn served(address: &str, routes: Router) -> String {
    let settings = Http { listen: address.to_owned(), ..Http::default() };
    let listener = serve::bind(&settings).await.unwrap();
    tokio::spawn(async move {
        serve::serve(listener, routes, &settings, &Health::new(), &Shutdown::new()).await;
    });
    format!("http://{address}")
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_reaches_from_http_into_a_projector() {
    let received: Arc<Mutex<Vec<Span>>> = Arc::default();
    let services: Arc<Mutex<Vec<String>>> = Arc::default();
    let collector = {
        let (received, services) = (Arc::clone(&received), Arc::clone(&services));
        post(async move |body: Bytes| {
            let export = ExportTraceServiceRequest::decode(body).unwrap();
            for resource in export.resource_spans {
                services.lock().unwrap().push(format!("{:?}", resource.resource));
                let spans = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
                received.lock().unwrap().extend(spans);
            }
        })
    };
    let endpoint = served("127.0.0.1:25301", Router::new().route("/v1/traces", collector)).await;
    let settings =
        Telemetry { service: "daybook-example".into(), otlp_endpoint: Some(endpoint), ..Telemetry::default() };
    let running = telemetry::start(&settings).unwrap();
    assert!(telemetry::start(&settings).is_err(), "once for a process");

    let handler = get(async || {
        let inner = tracing::info_span!(target: "daybook_example", "decide");
        async { trace_context::current_traceparent().unwrap() }.instrument(inner).await
    });
    let routes = Router::new().route("/incidents/{id}", handler);
    let url = served("127.0.0.1:25302", edge::guard(routes, &Http::default())).await;
    let client = reqwest::Client::new();
    let ask = async |traceparent: Option<&str>| {
        let request = client.get(format!("{url}/incidents/7"));
        let request = traceparent.into_iter().fold(request, |request, sent| request.header("traceparent", sent));
        request.send().await.unwrap().text().await.unwrap()
    };
    let handed_on = ask(Some(CALLER)).await;
    let began_here = ask(None).await;
    let unsampled = ask(Some(UNSAMPLED)).await;

    // A projector finds what was handed on in the entry, and makes its work part of the same trace.
    for traceparent in [&handed_on, &unsampled] {
        let entry = trace_context::span_from_traceparent("project into postgres", Some(traceparent));
        async { tokio::time::sleep(Duration::from_millis(1)).await }.instrument(entry).await;
    }
    assert!(trace_context::span_from_traceparent("x", None).is_disabled());
    running.stop().await;

    let spans = received.lock().unwrap().clone();
    assert!(services.lock().unwrap().iter().all(|resource| resource.contains("daybook-example")));
    let trace_id = &CALLER[3..35];
    let of_trace: HashMap<&str, &Span> = spans
        .iter()
        .filter(|span| hexadecimal(&span.trace_id) == trace_id)
        .map(|span| (span.name.as_str(), span))
        .collect();
    let (request, decide, project) =
        (of_trace["GET /incidents/{id}"], of_trace["decide"], of_trace["project into postgres"]);
    assert_eq!(hexadecimal(&request.parent_span_id), CALLER[36..52], "the caller's span is the parent");
    assert_eq!(decide.parent_span_id, request.span_id);
    assert_eq!(project.parent_span_id, decide.span_id, "what was handed on is the span it was asked in");
    assert_eq!(handed_on, format!("00-{trace_id}-{}-01", hexadecimal(&decide.span_id)));
    let status = request.attributes.iter().find(|attribute| attribute.key == "http.response.status_code");
    assert!(format!("{status:?}").contains("200"), "{status:?}");

    assert!(began_here.ends_with("-01") && !began_here.contains(trace_id), "{began_here}");
    assert!(spans.iter().any(|span| began_here.contains(&hexadecimal(&span.trace_id))));
    // Who decided not to be traced is not, but the trace's id goes on.
    assert!(unsampled.starts_with(&UNSAMPLED[..35]) && unsampled.ends_with("-00"), "{unsampled}");
    assert!(spans.iter().all(|span| hexadecimal(&span.trace_id) != UNSAMPLED[3..35]));
    assert!(spans.iter().all(|span| !span.name.contains("HTTP")), "only our own spans");
}
