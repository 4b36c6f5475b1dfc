//! A process without an HTTP interface of its own still tells how it is.

use daybook_platform::sections::Ops;
use daybook_platform::{Health, Shutdown, metrics, ops};

use crate::stand::{address, client};

#[tokio::test(flavor = "multi_thread")]
async fn health_and_metrics_are_served_until_the_shutdown() {
    let settings = Ops { listen: address() };
    let (health, shutdown) = (Health::new(), Shutdown::new());
    health.require("postgres");
    let metrics = metrics::install().unwrap();
    let served = ops::serve(&settings, &health, &metrics, &shutdown).await.unwrap();
    let get = async |path: &str| {
        let answer = client().get(format!("http://{}{path}", settings.listen)).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };

    assert_eq!(get("/health/live").await.0, 200);
    let (status, body) = get("/health/ready").await;
    assert_eq!(status, 503);
    assert!(body.contains(r#""not_ready":["postgres"]"#), "{body}");
    health.set("postgres", Ok(()));
    assert_eq!(get("/health/ready").await.0, 200);
    let (status, text) = get("/metrics").await;
    assert_eq!(status, 200);
    assert!(text.contains("process_resident_memory_bytes"), "{text}");
    assert!(text.contains("health_check{check=\"postgres\"} 1"), "{text}");
    assert_eq!(get("/other").await.0, 404);

    let taken = ops::serve(&settings, &health, &metrics, &shutdown).await.unwrap_err();
    assert!(taken.to_string().contains(&settings.listen), "{taken}");
    shutdown.request();
    served.await.unwrap();
}
