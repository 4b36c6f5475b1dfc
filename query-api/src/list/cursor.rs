//! Cursors: where a page of a list ended, to be handed back for the next one.
//!
//! A cursor is opaque to its holder and authenticated, so that what comes back is what was given out. It holds the last
//! row's place rather than a count of rows: rows that come or go meanwhile neither repeat nor hide others.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use daybook_kernel::Tenant;
use daybook_platform::ApiError;
use daybook_schemas::sealing::Sealer;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The form of a cursor's content; another form is not read.
const FORMAT: u8 = 1;

/// Bytes of the authenticator at a cursor's head: 128 bits, as many as anyone can hope to guess against.
const TAG: usize = 16;

/// The place of the last row of a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The version of the view it was read from.
    #[serde(rename = "v")]
    pub view_version: String,
    /// The row's values of what the list is sorted by, as text; `None` where absent.
    #[serde(rename = "k")]
    pub keys: Vec<Option<String>>,
    /// The row's id.
    #[serde(rename = "i")]
    pub id: Uuid,
}

impl Cursor {
    /// The cursor as its holder sees it. `list` says in canonical form which list of which tenant it belongs to.
    pub fn write(&self, sealer: &Sealer, tenant: Tenant, list: &str) -> String {
        let mut bytes = vec![0; TAG];
        bytes.push(FORMAT);
        bytes.extend(serde_json::to_vec(self).expect("a cursor is texts, which JSON can say"));
        let tags = tags(sealer, tenant, list, &bytes[TAG..]);
        bytes[..TAG].copy_from_slice(&tags.own);
        bytes.extend(tags.list);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a cursor back.
    ///
    /// # Errors
    /// 400 when it is none of ours, or belongs to another list.
    pub fn read(text: &str, sealer: &Sealer, tenant: Tenant, list: &str) -> Result<Self, ApiError> {
        let none = || ApiError::field("cursor", "is none that this service gave to this tenant");
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| none())?;
        let middle = bytes.len().checked_sub(TAG).filter(|middle| *middle > TAG).ok_or_else(none)?;
        let (head, mark) = bytes.split_at(middle);
        let (tag, content) = head.split_at(TAG);
        let tags = tags(sealer, tenant, list, content);
        if !same(tag, &tags.own) || content[0] != FORMAT {
            return Err(none());
        }
        if !same(mark, &tags.list) {
            return Err(ApiError::field("cursor", "belongs to another list: keep its path, its filters and its sort"));
        }
        serde_json::from_slice(&content[1..]).map_err(|_| none())
    }

    /// Insists that the view is still the one the cursor was read from.
    ///
    /// # Errors
    /// 410 when another version has taken its place: what the row's place was may mean another now.
    pub fn check(&self, live: Option<&str>) -> Result<(), ApiError> {
        match live == Some(&self.view_version) {
            true => Ok(()),
            false => Err(ApiError::gone("the list was rebuilt since this cursor was given; begin again without it")),
        }
    }
}

/// What authenticates a cursor: itself, and as belonging to its list.
struct Tags {
    own: [u8; TAG],
    list: [u8; TAG],
}

fn tags(sealer: &Sealer, tenant: Tenant, list: &str, content: &[u8]) -> Tags {
    let tag = |purpose: &[u8], of: &[u8]| {
        let whole = sealer.fingerprint(&[purpose, tenant.as_bytes(), of, content]);
        let mut tag = [0; TAG];
        tag.copy_from_slice(&whole[..TAG]);
        tag
    };
    Tags { own: tag(b"daybook cursor v1", b""), list: tag(b"daybook cursor list v1", list.as_bytes()) }
}

/// Whether the bytes are the same, in a time that does not tell where they differ.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differing, (a, b)| differing | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "incidents?status=new&sort=-created_at";

    fn cursor() -> Cursor {
        Cursor { view_version: "a1b2c3d4".into(), keys: vec![Some("2026-01-01".into()), None], id: Uuid::from_u128(7) }
    }

    fn message(text: &str, tenant: Tenant, list: &str) -> String {
        Cursor::read(text, &Sealer::new(&[7; 32]), tenant, list).unwrap_err().details.remove(0).message
    }

    #[test]
    fn a_cursor_comes_back_as_it_was() {
        let sealer = Sealer::new(&[7; 32]);
        let text = cursor().write(&sealer, Uuid::nil(), LIST);
        assert_eq!(Cursor::read(&text, &sealer, Uuid::nil(), LIST).unwrap(), cursor());
    }

    #[test]
    fn an_altered_or_foreign_cursor_is_refused() {
        let text = cursor().write(&Sealer::new(&[7; 32]), Uuid::nil(), LIST);
        let invalid = "is none that this service gave to this tenant";
        assert_eq!(message("", Uuid::nil(), LIST), invalid);
        assert_eq!(message("not base64!", Uuid::nil(), LIST), invalid);
        assert_eq!(message(&text[..text.len() - 30], Uuid::nil(), LIST), invalid);
        assert_eq!(message(&text, Uuid::from_u128(1), LIST), invalid);
        let mut altered = URL_SAFE_NO_PAD.decode(&text).unwrap();
        altered[TAG + 5] ^= 1;
        assert_eq!(message(&URL_SAFE_NO_PAD.encode(altered), Uuid::nil(), LIST), invalid);
        assert!(message(&text, Uuid::nil(), "incidents?sort=-created_at").starts_with("belongs to another list"));
    }
}
