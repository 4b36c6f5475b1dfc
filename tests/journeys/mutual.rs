//! Mutual TLS: two command APIs that know each other by their certificates, and take from nobody else what only they may say.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::{Value as Json, json};

use crate::system::{System, balancer::tenants, binaries, eventually, mended};

/// The base of the port of each instance, and the folder of its local store.
const INSTANCES: [(u16, &str); 2] = [(18_000, "store/command-api"), (18_001, "store/command-api-2")];

/// A command API that speaks TLS; killed with this.
struct Instance {
    process: Child,
    url: String,
    authority: PathBuf,
}

impl Drop for Instance {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Instance {
    fn start(system: &System, folder: &Path, (base, store): (u16, &str)) -> Self {
        let url = |base: u16| format!("https://127.0.0.1:{}", system.port(base));
        let file = |name: &str| folder.join(name).display().to_string();
        let log = std::fs::File::create(system.state().join(format!("logs/mutual-{base}.log"))).unwrap();
        let mut command = Command::new(binaries().join("daybook-command-api"));
        command.env("DAYBOOK_CONFIG", system.state().join("daybook.toml"));
        command.env("DAYBOOK_STORE_FOLDER", system.state().join(store));
        command.env("DAYBOOK_HTTP_LISTEN", format!("127.0.0.1:{}", system.port(base)));
        command.env("DAYBOOK_COMMAND_API_URL", url(base));
        command.env("DAYBOOK_COMMAND_API_PEERS", INSTANCES.map(|(base, _)| url(base)).join(","));
        for (name, file) in [
            ("HTTP_CERTIFICATE_FILE", file("service.pem")),
            ("HTTP_KEY_FILE", file("service.key")),
            ("HTTP_CLIENT_CA_FILE", file("ca.pem")),
            ("SERVICES_CA_FILE", file("ca.pem")),
            ("SERVICES_CERTIFICATE_FILE", file("service.pem")),
            ("SERVICES_KEY_FILE", file("service.key")),
        ] {
            command.env(format!("DAYBOOK_{name}"), file);
        }
        let process = command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        Self { process, url: url(base), authority: folder.join("ca.pem") }
    }

    /// What it answers a client of stock: the status, 0 where there is no answer, and the body.
    async fn curl(&self, path: &str, more: &[&str]) -> (u16, String) {
        let mut command = Command::new("curl");
        command
            .args(["--silent", "--max-time", "30", "--write-out", "\n%{http_code}", "--cacert"])
            .arg(&self.authority);
        command.args(more).arg(format!("{}{path}", self.url));
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let (body, status) = said.rsplit_once('\n').unwrap_or_default();
        (status.parse().unwrap_or_default(), body.to_owned())
    }

    /// A figure that it tells.
    async fn figure(&self, name: &str) -> f64 {
        let (_, told) = self.curl("/metrics", &[]).await;
        let lines = told.lines().filter(|line| line.starts_with(name));
        lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
    }
}

/// An authority, and the certificate of a service for this machine.
fn certificates(folder: &Path) {
    let _ = std::fs::remove_dir_all(folder);
    std::fs::create_dir_all(folder).unwrap();
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    for line in [
        format!("req -x509 {key} -days 2 -subj /CN=ours -keyout ca.key -out ca.pem"),
        format!("req {key} -subj /CN=service -addext subjectAltName=IP:127.0.0.1 -keyout service.key -out service.csr"),
        "x509 -req -in service.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 1 -copy_extensions copy -out service.pem"
            .to_owned(),
    ] {
        let output = Command::new("openssl").args(line.split(' ')).current_dir(folder).output().unwrap();
        assert!(output.status.success(), "openssl {line}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the components, see make test"]
async fn instances_forward_to_each_other_by_certificate() {
    let system = System::running();
    let tenants = tenants(&system, "mutual").await;
    let folder = system.state().join("mutual");
    certificates(&folder);
    system.services(&["stop", "command-api"]).await;
    let journey = async {
        let pair = INSTANCES.map(|instance| Instance::start(&system, &folder, instance));
        for instance in &pair {
            eventually("an instance that speaks TLS is ready", 60, async || {
                let (status, said) = instance.curl("/health/ready", &[]).await;
                if status == 200 { Ok(()) } else { Err(format!("{status} {said}, see logs/mutual-*.log")) }
            })
            .await;
        }
        eventually("both own partitions", 30, async || {
            let name = "daybook_journal_serving{topic=\"journal.incident\"";
            let owned = [pair[0].figure(name).await, pair[1].figure(name).await];
            if owned == [2.0, 2.0] { Ok(()) } else { Err(format!("{owned:?}")) }
        })
        .await;
        for (at, tenant) in tenants.iter().enumerate() {
            let report = tenant.report(&format!("By certificate {at}")).to_string();
            let bearer = format!("Authorization: Bearer {}", tenant.agent.token());
            let post = ["--header", &bearer, "--json", &report];
            for instance in &pair {
                let (status, said) = instance.curl("/api/v1/incidents", &post).await;
                assert_eq!(status, 201, "{said}");
            }
            // What an instance says to another is taken from nobody who has no certificate of a service.
            let forged = [&post[..], &["--header", "Daybook-Forward: incident/0;term=1;hops=1"]].concat();
            let (status, said) = pair[0].curl("/api/v1/incidents", &forged).await;
            let said: Json = serde_json::from_str(&said).unwrap();
            assert_eq!((status, &said["error"]["code"]), (403, &json!("SERVICE_CERTIFICATE_REQUIRED")));
        }
        for instance in &pair {
            let forwarded = instance.figure("daybook_forward_total{outcome=\"answered\"}").await;
            assert!(forwarded >= 2.0, "{forwarded} forwarded by {}", instance.url);
            let (status, _) = instance.curl("/health/ready", &["--tls-max", "1.2"]).await;
            assert_eq!(status, 0, "only TLS 1.3 is spoken");
        }
    };
    mended(journey, async {
        system.services(&["start"]).await;
        system.services(&["wait"]).await;
    })
    .await;
}
