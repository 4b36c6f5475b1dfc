//! An operator's slip is named before a process starts, and no secret is ever shown.

use daybook_platform::sections::{Http, Kafka, LogFormat, Postgres, Sealing, Telemetry};
use daybook_platform::settings::{Sources, load_from, summary};
use serde::{Deserialize, Serialize};

use crate::stand::Folder;

/// The settings of a service that has a section of its own and a port of its own.
#[derive(Debug, Serialize, Deserialize)]
struct Settings {
    http: Http,
    kafka: Kafka,
    postgres: Postgres,
    sealing: Sealing,
    telemetry: Telemetry,
    command_api: CommandApi,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct CommandApi {
    forward_to: Vec<String>,
    own_term: Option<u64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            http: Http { listen: "127.0.0.1:18000".into(), ..Http::default() },
            kafka: Kafka::default(),
            postgres: Postgres::default(),
            sealing: Sealing::default(),
            telemetry: Telemetry::default(),
            command_api: CommandApi::default(),
        }
    }
}

fn load(file: &str, environment: &[(&str, &str)]) -> Result<Settings, Vec<String>> {
    let environment = environment.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let file = (!file.is_empty()).then(|| ("daybook.toml".into(), file.to_owned()));
    load_from(Sources { file, environment }).map_err(|error| error.problems)
}

fn only_problem(file: &str, environment: &[(&str, &str)]) -> String {
    let mut problems = load(file, environment).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems.remove(0)
}

#[test]
fn the_environment_overlays_the_file_and_both_the_defaults_of_the_service() {
    let file = "[http]\nbody_limit = 2048\ntimeout_ms = 7\n[telemetry]\nformat = \"text\"\n[kafka]\ndevelopment = true";
    let settings = load(
        file,
        &[
            ("DAYBOOK_HTTP_TIMEOUT_MS", "9"),
            ("DAYBOOK_TELEMETRY_SAMPLING", "0.25"),
            ("DAYBOOK_KAFKA_BROKERS", "a:1,b:2"),
            ("DAYBOOK_COMMAND_API_FORWARD_TO", "http://a, http://b"),
            ("DAYBOOK_COMMAND_API_OWN_TERM", "12"),
            ("DAYBOOK_POSTGRES_USER", "123"),
            ("DAYBOOK_TELEMETRY_LEVEL", ""),
            ("PATH", "/bin"),
        ],
    )
    .unwrap();
    assert_eq!(settings.http.listen, "127.0.0.1:18000", "the service's own default");
    assert_eq!((settings.http.body_limit, settings.http.timeout_ms), (2048, 9));
    assert_eq!(settings.telemetry.format, LogFormat::Text);
    assert_eq!(settings.telemetry.sampling, 0.25);
    assert_eq!(settings.telemetry.level, "info", "an empty variable is not given");
    assert!(settings.kafka.development);
    assert_eq!(settings.kafka.brokers, "a:1,b:2");
    assert_eq!(settings.command_api.forward_to, ["http://a", "http://b"]);
    assert_eq!(settings.command_api.own_term, Some(12));
    assert_eq!(settings.postgres.user, "123");
}

#[test]
fn one_file_and_one_environment_serve_all_processes() {
    let shared = "[clickhouse]\nurl = \"http://c\"\n[query_api]\nanything = 1";
    let environment =
        [("DAYBOOK_OPENSEARCH_URL", "http://o"), ("DAYBOOK_PROJECTOR_BATCH", "7"), ("DAYBOOK_STATE", ".local")];
    assert!(load(shared, &environment).is_ok());
}

#[test]
fn a_misspelled_key_is_named_with_the_nearest_known_one() {
    let cases = [
        ("", "DAYBOOK_POSTGES_URL", "DAYBOOK_POSTGRES_URL"),
        ("", "DAYBOOK_POSTGRES_PASWORD", "DAYBOOK_POSTGRES_PASSWORD"),
        ("", "DAYBOOK_CLICKHOUSE_DATABSE", "DAYBOOK_CLICKHOUSE_DATABASE"),
        ("", "DAYBOOK_COMMAND_API_FORWARDS_TO", "DAYBOOK_COMMAND_API_FORWARD_TO"),
        ("[http]\nbodylimit = 1", "http.bodylimit", "http.body_limit"),
        ("[postgress]\npool = 1", "postgress", "postgres"),
    ];
    for (file, wrong, right) in cases {
        let environment: &[_] = if file.is_empty() { &[(wrong, "x")] } else { &[] };
        let problem = only_problem(file, environment);
        assert!(problem.contains(&format!(" {wrong} in ")), "{problem}");
        assert!(problem.ends_with(&format!("the nearest known one is {right}")), "{problem}");
    }
    let problems = load("[http]\nnope = 1", &[("DAYBOOK_X", "1"), ("DAYBOOK_HTTP_TIMEOUT_MS", "soon")]).unwrap_err();
    assert_eq!(problems.len(), 3, "all problems at once: {problems:?}");
}

#[test]
fn a_value_of_the_wrong_type_is_named() {
    let problem = only_problem("", &[("DAYBOOK_POSTGRES_POOL", "many")]);
    assert!(problem.starts_with("DAYBOOK_POSTGRES_POOL: ") && problem.contains("u32"), "{problem}");
    let problem = only_problem("[telemetry]\nformat = \"xml\"", &[]);
    assert!(
        problem.starts_with("telemetry.format in daybook.toml: ") && problem.contains("`json` or `text`"),
        "{problem}"
    );
    assert!(only_problem("", &[("DAYBOOK_KAFKA_DEVELOPMENT", "perhaps")]).contains("boolean"));
    assert!(only_problem("[http\nlisten = \"hunter2\"", &[]).contains("line 1"));
}

#[test]
fn a_secret_comes_from_its_file_or_the_environment_and_is_never_shown() {
    let folder = Folder::new();
    let path = folder.0.join("password");
    std::fs::write(&path, "hunter2\n").unwrap();
    let path = path.to_str().unwrap();

    let from_file = load("", &[("DAYBOOK_POSTGRES_PASSWORD_FILE", path)]).unwrap();
    let from_environment = load("", &[("DAYBOOK_POSTGRES_PASSWORD", "hunter2")]).unwrap();
    let overlaid =
        load(&format!("[postgres]\npassword_file = \"{path}.absent\""), &[("DAYBOOK_POSTGRES_PASSWORD", "hunter2")])
            .unwrap();
    for settings in [from_file, from_environment, overlaid] {
        assert_eq!(settings.postgres.password.as_ref().unwrap().expose(), "hunter2");
        let shown = format!("{settings:?} {settings:#?} {}", summary(&settings));
        assert!(!shown.contains("hunter2") && shown.contains("[redacted]"), "{shown}");
    }
}

#[test]
fn a_secret_in_the_wrong_place_is_refused_without_being_quoted() {
    let in_file = only_problem("[postgres]\npassword = \"hunter2\"", &[]);
    assert!(in_file.contains("DAYBOOK_POSTGRES_PASSWORD"), "{in_file}");
    let in_url = only_problem("", &[("DAYBOOK_POSTGRES_URL", "postgres://daybook:hunter2@db/daybook")]);
    assert!(in_url.contains("DAYBOOK_POSTGRES_URL holds a password"), "{in_url}");
    let twice = only_problem("", &[("DAYBOOK_SEALING_KEY", "hunter2"), ("DAYBOOK_SEALING_KEY_FILE", "/nowhere")]);
    assert!(twice.contains("are both set"), "{twice}");
    let absent = only_problem("", &[("DAYBOOK_SEALING_KEY_FILE", "/nowhere/key")]);
    assert!(absent.contains("/nowhere/key cannot be read"), "{absent}");
    let broken = only_problem("[postgres]\npassword = hunter2", &[]);
    for problem in [in_file, in_url, twice, absent, broken] {
        assert!(!problem.contains("hunter2"), "{problem}");
    }
}
