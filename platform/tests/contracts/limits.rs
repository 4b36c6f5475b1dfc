//! Limits as clients meet them: in one process, over two instances that share a Redis, and while that is away.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::{get, post};
use daybook_platform::auth::Claims;
use daybook_platform::limits::{Class, Limits, Profile, Rate, Rule, Scope, classed};
use daybook_platform::{Authenticator, Caller, edge, sections};
use reqwest::{Response, StatusCode};
use uuid::Uuid;

use crate::house::{House, claims};
use crate::stand::{Folder, Service, address, client, quick};

/// Small figures, so that a test meets them at once.
const FEW: &[Rule] = &[
    Rule { name: "user-minute", scope: Scope::User, class: None, rate: Rate::new(5, 60) },
    Rule { name: "export", scope: Scope::User, class: Some(Class::Export), rate: Rate::new(2, 60) },
    Rule { name: "tenant-hour", scope: Scope::Tenant, class: None, rate: Rate::new(12, 3_600) },
    Rule { name: "login", scope: Scope::Address, class: Some(Class::Login), rate: Rate::new(3, 60) },
    Rule { name: "stranger", scope: Scope::Stranger, class: None, rate: Rate::new(4, 60) },
];

/// A service with routes of each class.
async fn service(house: &House, rules: &'static [Rule], limits: &sections::Limits, trusted: &[&str]) -> Service {
    let authenticator = Arc::new(Authenticator::new(&house.settings).await.unwrap());
    let exports = Router::new().route("/export", get(async |_: Caller| "all of it"));
    let logins = Router::new().route("/login", post(async || "a token"));
    let routes = Router::new()
        .route("/me", get(async |caller: Caller| caller.user.to_string()))
        .route("/docs", get(async || "for everybody"))
        .merge(classed(Class::Export, exports))
        .merge(classed(Class::Login, logins))
        .with_state(authenticator);
    let limits = Limits::with(rules, limits).unwrap();
    let trusted: Vec<String> = trusted.iter().map(|network| (*network).to_owned()).collect();
    let settings = sections::Http { trusted_proxies: trusted.try_into().unwrap(), timeout_ms: 5_000, ..quick() };
    Service::with(settings, |settings| edge::limited(routes, settings, &limits)).await
}

fn of(house: &House, tenant: u128, user: u128) -> String {
    let claims = Claims {
        sub: Uuid::from_u128(user),
        tenant_id: if tenant == 0 { "platform".into() } else { Uuid::from_u128(tenant).to_string() },
        ..claims()
    };
    house.issuer.mint(claims, Duration::from_secs(600)).unwrap()
}

async fn ask(service: &Service, path: &str, token: &str) -> Response {
    client().get(service.url(path)).bearer_auth(token).send().await.unwrap()
}

/// How many of some requests are let through.
async fn let_through(service: &Service, path: &str, token: &str, requests: usize) -> usize {
    let mut admitted = 0;
    for _ in 0..requests {
        admitted += usize::from(ask(service, path, token).await.status().is_success());
    }
    admitted
}

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_told_how_things_stand_and_refused_beyond_the_limit() {
    let house = House::new();
    let service = service(&house, FEW, &sections::Limits::default(), &[]).await;
    let token = of(&house, 9, 7);
    let first = ask(&service, "/me", &token).await;
    assert_eq!(first.status(), 200);
    assert_eq!(header(&first, "ratelimit-policy"), r#""user-minute";q=5;w=60, "tenant-hour";q=12;w=3600"#);
    assert_eq!(header(&first, "ratelimit"), r#""user-minute";r=4;t=12, "tenant-hour";r=11;t=300"#);

    assert_eq!(let_through(&service, "/me", &token, 10).await, 4);
    let refused = ask(&service, "/me", &token).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    // One comes back every 12 seconds, of which a busy machine may have spent some.
    let wait: u64 = header(&refused, "retry-after").parse().unwrap();
    assert!((6..=12).contains(&wait), "{wait}");
    assert!(header(&refused, "ratelimit").starts_with(r#""user-minute";r=0;t="#), "{refused:?}");
    let error = crate::edge::error(refused).await.1;
    assert_eq!(error["code"], "TOO_MANY_REQUESTS");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("user-minute") && message.contains("5 requests of this user in 60 s"), "{message}");

    // What was refused has cost the tenant nothing, and others of it go on.
    let other = ask(&service, "/me", &of(&house, 9, 8)).await;
    assert!(header(&other, "ratelimit").contains(r#""tenant-hour";r=6"#), "{other:?}");
    // What needs no token is not counted for anybody.
    let page = client().get(service.url("/docs")).send().await.unwrap();
    assert_eq!((page.status().as_u16(), header(&page, "ratelimit")), (200, ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_class_of_routes_has_limits_of_its_own() {
    let house = House::new();
    let service = service(&house, FEW, &sections::Limits::default(), &["127.0.0.0/8"]).await;
    let token = of(&house, 9, 7);
    assert_eq!(let_through(&service, "/export", &token, 5).await, 2);
    assert_eq!(ask(&service, "/me", &token).await.status(), 200, "only exports are used up");

    let sign_in = async |from: &str| {
        client().post(service.url("/login")).header("x-forwarded-for", from).send().await.unwrap().status().as_u16()
    };
    for expected in [200, 200, 200, 429] {
        assert_eq!(sign_in("198.51.100.1").await, expected);
    }
    assert_eq!(sign_in("203.0.113.9, 198.51.100.1").await, 429, "what a client says itself changes nothing");
    assert_eq!(sign_in("198.51.100.2").await, 200);
    for n in 0..3 {
        assert_eq!(sign_in(&format!("2001:db8:0:1::{n}")).await, 200);
    }
    assert_eq!(sign_in("2001:db8:0:1:ffff::1").await, 429, "the same network of 64 bits");
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_counted_by_address_and_the_platform_is_not_counted() {
    let house = House::new();
    let service = service(&house, FEW, &sections::Limits::default(), &[]).await;
    // Nobody trusts this client to say whom it speaks for.
    let stranger = async |n: u8| {
        let request = client().get(service.url("/me")).header("x-forwarded-for", format!("198.51.100.{n}"));
        request.bearer_auth("no.token.atall").send().await.unwrap().status().as_u16()
    };
    for (n, expected) in [401, 401, 401, 401, 429, 429].into_iter().enumerate() {
        assert_eq!(stranger(n as u8).await, expected);
    }
    assert_eq!(ask(&service, "/me", &of(&house, 9, 7)).await.status(), 200, "who is known is not kept out by it");
    assert_eq!(let_through(&service, "/me", &of(&house, 0, 1), 20).await, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_our_own_instances_forward_is_not_counted_again() {
    let house = House::new();
    let instances = vec!["127.0.0.1".to_owned()].try_into().unwrap();
    let service = service(&house, FEW, &sections::Limits { instances, ..sections::Limits::default() }, &[]).await;
    assert_eq!(let_through(&service, "/me", &of(&house, 9, 7), 10).await, 10);
}

#[test]
fn an_address_of_redis_that_is_none_stops_the_start() {
    let settings = sections::Limits { redis_url: Some("http://127.0.0.1:1".into()), ..sections::Limits::default() };
    let error = Limits::new(&settings).err().unwrap().to_string();
    assert!(error.contains("limits.redis_url"), "{error}");
    assert_eq!(sections::Limits::default().profile, Profile::Standard);
}

/// A Redis of its own, from the machine's package.
struct Redis {
    process: Child,
    url: String,
    folder: Folder,
}

impl Redis {
    fn start() -> Self {
        let listen = address();
        let folder = Folder::new();
        let process = Self::process(&listen, &folder);
        Self { process, url: format!("redis://{listen}/0"), folder }
    }

    fn process(listen: &str, folder: &Folder) -> Child {
        let port = listen.rsplit_once(':').unwrap().1;
        let arguments = ["--port", port, "--bind", "127.0.0.1", "--save", "", "--requirepass", "hunter2"];
        let mut command = Command::new("redis-server");
        let child = command.args(arguments).current_dir(&folder.0).stdout(Stdio::null()).spawn().unwrap();
        let until = Instant::now() + Duration::from_secs(10);
        while std::net::TcpStream::connect(listen).is_err() {
            assert!(Instant::now() < until, "redis-server does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        child
    }

    fn stop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    fn start_again(&mut self) {
        let listen = self.url["redis://".len()..].trim_end_matches("/0").to_owned();
        self.process = Self::process(&listen, &self.folder);
    }

    fn settings(&self) -> sections::Limits {
        sections::Limits {
            redis_url: Some(self.url.clone()),
            redis_password: Some(daybook_platform::Secret::new("hunter2")),
            ..sections::Limits::default()
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn two_instances_count_together_and_a_noisy_tenant_takes_nothing_from_others() {
    let (house, redis) = (House::new(), Redis::start());
    let instances =
        [service(&house, FEW, &redis.settings(), &[]).await, service(&house, FEW, &redis.settings(), &[]).await];
    // Twenty users of one tenant ask all they can of both instances, at once with one user of another.
    let noise = async {
        let mut admitted = 0;
        for user in 100..120 {
            let token = of(&house, 1, user);
            for instance in &instances {
                admitted += let_through(instance, "/me", &token, 5).await;
            }
        }
        admitted
    };
    let quiet = async {
        let (token, mut slowest) = (of(&house, 2, 200), Duration::ZERO);
        for n in 0..5 {
            let asked = Instant::now();
            assert_eq!(ask(&instances[n % 2], "/me", &token).await.status(), 200, "request {n} of the quiet tenant");
            slowest = slowest.max(asked.elapsed());
        }
        slowest
    };
    let (admitted, slowest) = tokio::join!(noise, quiet);
    assert_eq!(admitted, 12, "both instances together let through what the tenant may ask, and no more");
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    // The quiet user's five are used up, at whichever instance they ask.
    assert_eq!(ask(&instances[0], "/me", &of(&house, 2, 200)).await.status(), 429);
    assert_eq!(ask(&instances[1], "/me", &of(&house, 2, 201)).await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn while_redis_is_away_each_instance_counts_for_itself() {
    let (house, mut redis) = (House::new(), Redis::start());
    let service = service(&house, FEW, &redis.settings(), &[]).await;
    let token = of(&house, 1, 100);
    assert_eq!(let_through(&service, "/me", &token, 8).await, 5);

    redis.stop();
    let asked = Instant::now();
    assert_eq!(let_through(&service, "/me", &token, 8).await, 5, "no outage, and no flood");
    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());

    redis.start_again();
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert_eq!(let_through(&service, "/me", &token, 8).await, 5, "counted in Redis again, which is empty");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn a_redis_that_hangs_delays_one_request_a_little() {
    let house = House::new();
    let deaf = tokio::net::TcpListener::bind(address()).await.unwrap();
    let url = format!("redis://{}/0", deaf.local_addr().unwrap());
    let settings = sections::Limits { redis_url: Some(url), ..sections::Limits::default() };
    let service = service(&house, FEW, &settings, &[]).await;
    let asked = Instant::now();
    assert_eq!(let_through(&service, "/me", &of(&house, 1, 100), 5).await, 5);
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
}
