//! TLS as stock clients meet it (openssl, curl), and between our own services. Certificates come from openssl, too.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use daybook_platform::outgoing::{Bytes, Outgoing, Request, Response};
use daybook_platform::sections::{Http, Services};
use daybook_platform::{edge, serve};

use crate::stand::{Folder, Service, quick};

fn openssl(folder: &Path, line: &str) -> Output {
    let output = Command::new("openssl").args(line.split(' ')).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "openssl {line}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// An authority, and certificates of it: `server` for 127.0.0.1, and `service`.
struct Authority(Folder);

impl Authority {
    fn new() -> Self {
        let folder = Folder::new();
        openssl(
            &folder.0,
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=ours -keyout ca.key -out ca.pem",
        );
        let authority = Self(folder);
        authority.issue("server");
        authority.issue("service");
        authority
    }

    /// Makes or renews the certificate of that name.
    fn issue(&self, name: &str) {
        let folder = &self.0.0;
        openssl(
            folder,
            &format!(
                "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN={name} -addext subjectAltName=IP:127.0.0.1 -keyout {name}.key.new -out {name}.csr"
            ),
        );
        openssl(
            folder,
            &format!(
                "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 1 -copy_extensions copy -out {name}.pem.new"
            ),
        );
        for kind in ["key", "pem"] {
            std::fs::rename(folder.join(format!("{name}.{kind}.new")), folder.join(format!("{name}.{kind}"))).unwrap();
        }
    }

    fn file(&self, name: &str) -> Option<PathBuf> {
        Some(self.0.0.join(name))
    }

    async fn serve(&self, knows_services: bool) -> Service {
        let client_ca_file = self.file("ca.pem").filter(|_| knows_services);
        let (certificate_file, key_file) = (self.file("server.pem"), self.file("server.key"));
        // A handshake takes longer than plain text on a busy machine.
        let settings = Http { certificate_file, key_file, client_ca_file, header_timeout_ms: 3_000, ..quick() };
        let routes = Router::new().route("/data", get(async || "personal"));
        Service::with(settings, |settings| edge::guard(routes, settings)).await
    }

    fn services(&self, name: Option<&str>) -> Services {
        let file = |kind: &str| name.and_then(|name| self.file(&format!("{name}.{kind}")));
        Services { ca_file: self.file("ca.pem"), certificate_file: file("pem"), key_file: file("key") }
    }
}

/// What a stock client says and hears; without a word if it is not let in.
async fn stock(folder: &Path, program: &str, line: String) -> String {
    let (folder, program) = (folder.to_owned(), program.to_owned());
    tokio::task::spawn_blocking(move || {
        let output =
            Command::new(program).args(line.split(' ')).current_dir(folder).stdin(std::process::Stdio::null()).output();
        let output = output.unwrap();
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    })
    .await
    .unwrap()
}

async fn call(outgoing: &Outgoing, service: &Service, headers: &[(&str, &str)]) -> Result<Response<Bytes>, String> {
    let request = Request::get(format!("https://{}/data", service.address));
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    outgoing.send(request.body(Bytes::new()).unwrap()).await.map_err(|error| format!("{error:?}"))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs openssl and curl"]
async fn only_tls_1_3_is_spoken() {
    let authority = Authority::new();
    let service = authority.serve(false).await;
    let folder = &authority.0.0;
    let hello = async |version: &str| {
        stock(
            folder,
            "openssl",
            format!("s_client -connect {} -CAfile ca.pem -verify_return_error {version}", service.address),
        )
        .await
    };
    let heard = hello("-tls1_3").await;
    assert!(heard.contains("TLSv1.3") && heard.contains("Verify return code: 0 (ok)"), "{heard}");
    let heard = hello("-tls1_2").await;
    assert!(heard.contains("alert protocol version"), "{heard}");

    let heard = stock(folder, "curl", format!("-si --cacert ca.pem https://{}/data", service.address)).await;
    assert!(heard.contains("200 OK") && heard.ends_with("personal"), "{heard}");
    assert!(heard.contains("strict-transport-security: max-age=63072000; includeSubDomains"), "{heard}");
    let plain = stock(folder, "curl", format!("-si --max-time 2 http://{}/data", service.address)).await;
    assert!(!plain.contains("personal"), "{plain}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs openssl and curl"]
async fn a_renewed_certificate_is_used_without_a_restart() {
    let authority = Authority::new();
    let service = authority.serve(false).await;
    let shown = async || {
        let line = format!("s_client -connect {} -CAfile ca.pem", service.address);
        let heard = stock(&authority.0.0, "openssl", line).await;
        // What follows it differs each time.
        let certificate = heard.split("-----BEGIN CERTIFICATE-----").nth(1).unwrap_or_default();
        certificate.split("-----END").next().unwrap_or_default().to_owned()
    };
    let before = shown().await;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    authority.issue("server");
    let after = shown().await;
    assert!(!before.is_empty() && !after.is_empty() && before != after);

    // What cannot be used changes nothing.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    std::fs::write(authority.file("server.pem").unwrap(), "half a certificate").unwrap();
    assert_eq!(shown().await, after);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs openssl and curl"]
async fn services_know_each_other_by_their_certificates() {
    let (authority, foreign) = (Authority::new(), Authority::new());
    let service = authority.serve(true).await;
    let ours = Outgoing::new(&authority.services(Some("service"))).unwrap();
    let people = Outgoing::new(&authority.services(None)).unwrap();
    let forwarded = &[("daybook-forward", "incident/0;term=1;hops=2")];

    assert_eq!(call(&ours, &service, forwarded).await.unwrap().status(), 200);
    assert_eq!(call(&people, &service, &[]).await.unwrap().status(), 200, "people come without a certificate");
    for header in ["daybook-forward", "daybook-cause", "daybook-tenant"] {
        let refused = call(&people, &service, &[(header, "x")]).await.unwrap();
        assert_eq!(refused.status(), 403, "{header}");
        assert!(String::from_utf8_lossy(refused.body()).contains("SERVICE_CERTIFICATE_REQUIRED"));
    }

    // A certificate of another authority ends the handshake, and so does a server of one.
    let posing = Services { ca_file: authority.file("ca.pem"), ..foreign.services(Some("service")) };
    assert!(call(&Outgoing::new(&posing).unwrap(), &service, &[]).await.is_err());
    let error = call(&Outgoing::new(&foreign.services(None)).unwrap(), &service, &[]).await.unwrap_err();
    assert!(error.contains("UnknownIssuer") || error.contains("BadSignature"), "{error}");
}

#[tokio::test]
#[ignore = "needs openssl"]
async fn half_of_a_certificate_stops_the_start() {
    let authority = Authority::new();
    for (http, expected) in [
        (Http { certificate_file: authority.file("server.pem"), ..quick() }, "needs http.key_file"),
        (Http { key_file: authority.file("server.key"), ..quick() }, "needs http.certificate_file"),
        (
            Http { certificate_file: authority.file("none.pem"), key_file: authority.file("server.key"), ..quick() },
            "none.pem",
        ),
        (
            Http { certificate_file: authority.file("server.pem"), key_file: authority.file("service.key"), ..quick() },
            "server.pem",
        ),
    ] {
        let error = serve::bind(&http).await.err().unwrap().to_string();
        assert!(error.starts_with("settings: http: ") && error.contains(expected), "{error}");
    }
}
