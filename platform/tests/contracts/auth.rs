//! Only a token of the issuer, for us, now, is believed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use daybook_platform::auth::Claims;
use daybook_platform::issuer::{Issuer, IssuerError};
use daybook_platform::sections::Auth;
use daybook_platform::{Authenticator, Caller};
use uuid::Uuid;

use crate::house::{House, claims, refusal};
use crate::stand::{Service, client};

#[tokio::test]
async fn a_token_names_its_caller_and_what_the_caller_may_do() {
    let house = House::new();
    let authenticator = Authenticator::new(&house.settings).await.unwrap();
    let token = house.token();
    for _ in 0..2 {
        let caller = authenticator.verify(&token).await.unwrap();
        assert_eq!((caller.user, caller.tenant), (Uuid::from_u128(7), Uuid::from_u128(9)));
        assert_eq!(&*caller.roles, ["agent"]);
        assert!(caller.token_id.is_some());
        assert!(caller.may("incident:report") && caller.may("cmdb:write"));
        assert!(!caller.may("incident:close") && !caller.may("cmdbx:write") && !caller.may("cmdb"));
        assert_eq!(caller.must("incident:close").unwrap_err().status.as_u16(), 403);
    }
    let all = Claims { permissions: vec!["*".into()], tenant_id: "platform".into(), ..claims() };
    let all = house.issuer.mint(all, Duration::from_secs(60)).unwrap();
    let caller = authenticator.verify(&all).await.unwrap();
    assert!(caller.is_platform() && caller.may("anything:at-all"));
}

#[tokio::test]
async fn a_second_factor_is_of_a_session_that_showed_one() {
    let house = House::new();
    let authenticator = Authenticator::new(&house.settings).await.unwrap();
    let id = Some(Uuid::from_u128(5));
    let ways = |ways: &[&str]| ways.iter().map(ToString::to_string).collect();
    let of_session = Claims { sid: id, amr: ways(&["pwd", "otp", "mfa"]), ..claims() };
    let shows = [
        (true, of_session.clone()),
        (false, Claims { amr: ways(&["pwd"]), ..of_session.clone() }),
        (false, Claims { amr: Vec::new(), ..of_session.clone() }),
        (false, Claims { sid: None, client_id: id, ..of_session.clone() }),
        (false, Claims { sid: None, ..of_session }),
    ];
    for (shown, claims) in shows {
        let token = house.issuer.mint(claims.clone(), Duration::from_secs(60)).unwrap();
        assert_eq!(authenticator.verify(&token).await.unwrap().second_factor, shown, "{claims:?}");
    }
    let unfit = house.signed(
        &{
            let mut body = house.body();
            body["amr"] = "mfa".into();
            body
        },
        |_| (),
    );
    assert!(refusal(&authenticator, &unfit).await.contains("claims are not as they must be"));
}

#[tokio::test]
async fn a_remembered_token_still_expires() {
    let house = House::new();
    let settings = Auth { leeway_s: 0, ..house.settings.clone() };
    let authenticator = Authenticator::new(&settings).await.unwrap();
    let token = house.issuer.mint(claims(), Duration::from_secs(2)).unwrap();
    authenticator.verify(&token).await.unwrap();
    tokio::time::sleep(Duration::from_millis(3100)).await;
    assert!(refusal(&authenticator, &token).await.contains("has expired"));
}

#[tokio::test]
async fn a_changed_key_file_is_read_again() {
    let house = House::new();
    let authenticator = Authenticator::new(&house.settings).await.unwrap();
    let before = house.token();
    authenticator.verify(&before).await.unwrap();

    let next = House::new();
    let later = next.token();
    assert!(authenticator.verify(&later).await.is_err());
    tokio::time::sleep(Duration::from_millis(150)).await;
    fs::copy(next.folder.0.join("jwks.json"), house.folder.0.join("jwks.json")).unwrap();
    authenticator.verify(&later).await.expect("an unknown key is looked for at once");
    assert!(refusal(&authenticator, &before).await.contains("does not have"), "the withdrawn key is forgotten");

    // A file that is broken meanwhile locks nobody out.
    fs::write(house.folder.0.join("jwks.json"), "{").unwrap();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    authenticator.verify(&later).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_fetched_over_http() {
    let house = House::new();
    let jwks = fs::read_to_string(house.folder.0.join("jwks.json")).unwrap();
    let publisher = Service::start(Router::new().route("/jwks.json", get(async move || jwks))).await;
    let settings = Auth { jwks: publisher.url("/jwks.json"), ..house.settings.clone() };
    let authenticator = Authenticator::new(&settings).await.unwrap();
    authenticator.verify(&house.token()).await.unwrap();

    let absent = Auth { jwks: publisher.url("/elsewhere"), ..house.settings.clone() };
    let error = Authenticator::new(&absent).await.err().unwrap().to_string();
    assert!(error.contains("auth.jwks") && error.contains("404"), "{error}");
}

#[tokio::test]
async fn without_the_issuers_keys_nothing_starts() {
    for (place, reason) in [("", "name a file"), ("/nowhere/jwks.json", "No such file"), ("https://x/jwks", "http://")]
    {
        let settings = Auth { jwks: place.into(), ..Auth::default() };
        let error = Authenticator::new(&settings).await.err().unwrap().to_string();
        assert!(error.contains("auth.jwks") && error.contains(reason), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_takes_its_caller_from_the_request() {
    let house = House::new();
    let authenticator = Arc::new(Authenticator::new(&house.settings).await.unwrap());
    let routes =
        Router::new().route("/me", get(async |caller: Caller| caller.user.to_string())).with_state(authenticator);
    let service = Service::start(routes).await;
    let ask = async |header: Option<String>| {
        let request = client().get(service.url("/me"));
        header
            .into_iter()
            .fold(request, |request, header| request.header("authorization", header))
            .send()
            .await
            .unwrap()
    };
    let known = ask(Some(format!("bearer {}", house.token()))).await;
    assert_eq!(known.text().await.unwrap(), Uuid::from_u128(7).to_string());
    let unknown = ask(None).await;
    assert_eq!(unknown.status(), 401);
    assert_eq!(unknown.headers()["www-authenticate"], "Bearer realm=\"daybook\"");
    assert_eq!(ask(Some("Basic eDp5".into())).await.status(), 401);
    assert_eq!(ask(Some("Bearer".into())).await.status(), 401);
}

#[test]
fn the_issuer_keeps_its_key_to_itself_and_does_not_overwrite_it() {
    let house = House::new();
    let key = house.folder.0.join("key.pem");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let before = fs::read(&key).unwrap();
    assert!(matches!(Issuer::init(&house.folder.0), Err(IssuerError::KeyExists(_))));
    assert_eq!(fs::read(&key).unwrap(), before);
    let public = fs::read_to_string(house.folder.0.join("jwks.json")).unwrap();
    assert!(!public.contains("\"d\"") && public.contains("RS256"), "{public}");
}
