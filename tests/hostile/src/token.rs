//! Tokens: no text is believed that the issuer did not sign.

use std::sync::LazyLock;
use std::time::Duration;

use daybook_platform::Authenticator;
use daybook_platform::issuer::Issuer;
use daybook_platform::sections::Auth;
use tokio::runtime::{Builder, Runtime};
use uuid::Uuid;

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_all().build().expect("a runtime can be had"));

/// Who believes an issuer whose key was made a moment ago and is gone: no token that anybody could bring is of it.
static AUTHENTICATOR: LazyLock<Authenticator> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("daybook-hostile-{}", Uuid::now_v7()));
    Issuer::init(&folder).expect("a key can be made");
    let settings = Auth { jwks: folder.join("jwks.json").display().to_string(), ..Auth::default() };
    let authenticator = wait(Authenticator::new(&settings)).expect("the key can be read");
    let _ = std::fs::remove_dir_all(&folder);
    authenticator
});

/// Waits for what needs nobody else.
pub(crate) fn wait<T>(work: impl Future<Output = T>) -> T {
    RUNTIME.block_on(work)
}

/// Nothing is believed, and every refusal is a 401 that says why in characters that a header may hold.
pub fn token(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let authenticator = &*AUTHENTICATOR; // made outside the runtime, which it needs itself
    let verified = wait(async { tokio::time::timeout(Duration::from_secs(1), authenticator.verify(&text)).await });
    let error = verified.expect("no token takes long to refuse").expect_err("a token that nobody signed");
    assert_eq!(error.status.as_u16(), 401, "{error}");
    assert!(
        error.headers.iter().all(|(_, value)| value.to_str().is_ok_and(|value| value.starts_with("Bearer realm=")))
    );
}
