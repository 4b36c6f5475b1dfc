//! The relying party against the test vectors of the specification, and against a device that does one thing wrong.

use std::{collections::BTreeMap, sync::LazyLock};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair},
};
use minicbor::Encoder;

use super::*;

const OWNER: Uuid = Uuid::from_u128(0xA11CE);
const PAGE: &str = "https://desk.example.org";

/// Hexadecimal digits, by the name of what they are.
type Parts = BTreeMap<String, String>;

#[derive(Deserialize)]
struct Vector {
    name: String,
    id: String,
    created: Parts,
    signed: Parts,
}

#[derive(Deserialize)]
struct Vectors {
    vectors: Vec<Vector>,
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|place| u8::from_str_radix(&hex[place..place + 2], 16).unwrap()).collect()
}

fn party() -> Party {
    let settings = SignIn {
        passkey_domain: "example.org".into(),
        passkey_origins: vec!["https://example.org".into(), PAGE.into()],
        ..SignIn::default()
    };
    Party::new(&settings).unwrap()
}

#[test]
fn the_test_vectors_of_the_specification() {
    let Vectors { vectors } = serde_json::from_str(include_str!("../vectors.json")).unwrap();
    for Vector { name, id, created, signed } in vectors {
        let object = bytes(&created["attestationObject"]);
        let data = AuthenticatorData::read(authenticator::attested(&object).unwrap()).unwrap();
        let made = data.made.unwrap();
        assert_eq!((made.id, data.count), (bytes(&id).as_slice(), 0), "{name}");
        let key = PublicKey::read(made.key).unwrap();
        assert!(name.contains(match key {
            PublicKey::Es256(..) => "ES256",
            PublicKey::Ed25519(_) => "Ed25519",
            PublicKey::Rs256(..) => "RS256",
        }));
        let client_data = bytes(&created["clientDataJSON"]);
        let page = party().page(&Base64(client_data), Ceremony::Create);
        assert_eq!(page.map(|challenge| challenge.len()), Ok(43), "{name}");

        let (said, client_data) = (bytes(&signed["authenticatorData"]), bytes(&signed["clientDataJSON"]));
        let message = [said.as_slice(), &sha256(&client_data)].concat();
        let signature = bytes(&signed["signature"]);
        assert_eq!(key.verify(&message, &signature), Ok(()), "{name}");
        assert_eq!(key.verify(&message[1..], &signature), Err(Flaw::Signature), "{name}");
        assert!(party().page(&Base64(client_data), Ceremony::Get).is_ok(), "{name}");
        // None of them was unlocked when it signed.
        assert_eq!(party().unlocked(&AuthenticatorData::read(&said).unwrap()), Err(Flaw::Unverified), "{name}");
    }
}

/// A device, as it is: each field is something that it could do wrong.
struct Device {
    key: EcdsaKeyPair,
    domain: &'static str,
    flags: u8,
    count: u32,
    id: Vec<u8>,
    algorithm: i32,
    owner: Uuid,
    more: &'static [u8],
}

/// Present, unlocked, and nowhere else.
const FLAGS: u8 = 0b0101;

static RANDOM: LazyLock<SystemRandom> = LazyLock::new(SystemRandom::new);

impl Device {
    fn new() -> Self {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &*RANDOM).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref()).unwrap();
        Self {
            key,
            domain: "example.org",
            flags: FLAGS,
            count: 7,
            id: vec![9; 16],
            algorithm: -7,
            owner: OWNER,
            more: &[],
        }
    }

    fn data(&self, has_passkey: bool) -> Vec<u8> {
        let mut data = sha256(self.domain.as_bytes()).to_vec();
        data.push(if has_passkey { self.flags | 1 << 6 } else { self.flags });
        data.extend(self.count.to_be_bytes());
        if has_passkey {
            data.extend([0; 16]);
            data.extend(u16::try_from(self.id.len()).unwrap().to_be_bytes());
            data.extend(&self.id);
            data.extend(self.cose());
        }
        data.extend(self.more);
        data
    }

    fn cose(&self) -> Vec<u8> {
        let point = self.key.public_key().as_ref();
        let mut cose = Encoder::new(Vec::new());
        cose.map(5).unwrap().i8(1).unwrap().i8(2).unwrap().i8(3).unwrap().i32(self.algorithm).unwrap();
        cose.i8(-1).unwrap().i8(1).unwrap().i8(-2).unwrap().bytes(&point[1..33]).unwrap();
        cose.i8(-3).unwrap().bytes(&point[33..]).unwrap();
        cose.into_writer()
    }

    fn make(&self, client_data: &Json) -> Registration {
        let mut object = Encoder::new(Vec::new());
        object.map(3).unwrap().str("fmt").unwrap().str("none").unwrap().str("attStmt").unwrap().map(0).unwrap();
        object.str("authData").unwrap().bytes(&self.data(true)).unwrap();
        let response = Attestation {
            client_data: Base64(client_data.to_string().into_bytes()),
            attestation_object: Base64(object.into_writer()),
        };
        Registration { id: Base64(self.id.clone()), response }
    }

    fn sign(&self, client_data: &Json) -> Assertion {
        let (client_data, data) = (client_data.to_string().into_bytes(), self.data(false));
        let message = [data.as_slice(), &sha256(&client_data)].concat();
        let signature = self.key.sign(&*RANDOM, &message).unwrap().as_ref().to_vec();
        let response = Signed {
            client_data: Base64(client_data),
            authenticator_data: Base64(data),
            signature: Base64(signature),
            user_handle: Some(Base64(self.owner.as_bytes().to_vec())),
        };
        Assertion { id: Base64(self.id.clone()), response }
    }

    fn passkey(&self) -> Passkey {
        let is_synced = self.flags & 1 << 3 != 0;
        Passkey { id: Uuid::nil(), tenant: Uuid::nil(), owner: OWNER, key: self.cose(), is_synced }
    }
}

fn page(kind: &str) -> Json {
    json!({ "type": kind, "challenge": "c2F5IHRoaXM", "origin": PAGE, "crossOrigin": false })
}

#[test]
fn a_passkey_is_made_and_signs() {
    let device = Device::new();
    let (new, challenge) = party().made(&device.make(&page("webauthn.create"))).unwrap();
    assert_eq!((new.id.as_slice(), new.count, new.is_synced), (device.id.as_slice(), 7, false));
    assert_eq!((new.key, challenge.as_str()), (device.cose(), "c2F5IHRoaXM"));
    let signed = party().signed(&device.sign(&page("webauthn.get")), &device.passkey());
    assert_eq!(signed, Ok(("c2F5IHRoaXM".to_owned(), 7)));
    // An empty map of extensions.
    let extended = Device { flags: FLAGS | 1 << 7, more: &[0xa0], ..Device::new() };
    assert!(party().made(&extended.make(&page("webauthn.create"))).is_ok());
    let synced = Device { flags: FLAGS | 0b11000, ..Device::new() };
    assert!(party().made(&synced.make(&page("webauthn.create"))).unwrap().0.is_synced);
}

#[test]
fn what_is_wrong_with_a_page_or_a_device_is_refused() {
    let with = |field: &str, value: Json| {
        let (mut create, mut get) = (page("webauthn.create"), page("webauthn.get"));
        (create[field], get[field]) = (value.clone(), value);
        (create, get)
    };
    for (field, value, flaw) in [
        ("origin", json!("https://desk.example.com"), Flaw::Origin),
        ("origin", json!("http://desk.example.org"), Flaw::Origin),
        ("origin", json!("https://desk.example.org:8443"), Flaw::Origin),
        ("crossOrigin", json!(true), Flaw::Origin),
        ("type", json!("payment.get"), Flaw::Ceremony),
        ("challenge", json!(7), Flaw::Form("clientDataJSON")),
    ] {
        let (device, (create, get)) = (Device::new(), with(field, value));
        assert_eq!(party().made(&device.make(&create)), Err(flaw));
        assert_eq!(party().signed(&device.sign(&get), &device.passkey()).unwrap_err(), flaw);
    }
    for (device, flaw) in [
        (Device { domain: "example.com", ..Device::new() }, Flaw::Party),
        (Device { flags: 0b0001, ..Device::new() }, Flaw::Unverified),
        (Device { flags: 0b0100, ..Device::new() }, Flaw::Unverified),
        (Device { flags: FLAGS | 1 << 4, ..Device::new() }, Flaw::Form("authenticatorData")),
        (Device { more: &[0xa0], ..Device::new() }, Flaw::Form("authenticatorData")),
        (Device { flags: FLAGS | 1 << 7, ..Device::new() }, Flaw::Form("authenticatorData")),
    ] {
        assert_eq!(party().made(&device.make(&page("webauthn.create"))), Err(flaw));
        assert_eq!(party().signed(&device.sign(&page("webauthn.get")), &device.passkey()).unwrap_err(), flaw);
    }
    let refused = |device: Device| party().made(&device.make(&page("webauthn.create"))).unwrap_err();
    assert_eq!(refused(Device { algorithm: -35, ..Device::new() }), Flaw::Algorithm);
    assert_eq!(refused(Device { id: vec![1; 1_024], ..Device::new() }), Flaw::Form("authenticatorData"));
    assert_eq!(refused(Device { id: Vec::new(), ..Device::new() }), Flaw::Form("authenticatorData"));
    let device = Device::new();
    assert_eq!(party().made(&device.make(&page("webauthn.get"))), Err(Flaw::Ceremony));
    let mut renamed = device.make(&page("webauthn.create"));
    renamed.id.0[0] ^= 1;
    assert_eq!(party().made(&renamed), Err(Flaw::Form("attestationObject")));
}

#[test]
fn a_signature_is_of_the_key_the_owner_and_every_byte() {
    let (device, another) = (Device::new(), Device::new());
    let get = page("webauthn.get");
    let refused = |said: &Assertion, passkey: &Passkey| party().signed(said, passkey).unwrap_err();
    assert_eq!(refused(&another.sign(&get), &device.passkey()), Flaw::Signature);
    let somebody = Device { owner: Uuid::nil(), ..Device::new() };
    assert_eq!(refused(&somebody.sign(&get), &somebody.passkey()), Flaw::Another);
    let synced = Passkey { is_synced: true, ..device.passkey() };
    assert_eq!(refused(&device.sign(&get), &synced), Flaw::Another);

    let length = |said: &Assertion| said.response.authenticator_data.0.len() + said.response.client_data.0.len();
    for place in 0..length(&device.sign(&get)) {
        for bit in 0..8 {
            let mut said = device.sign(&get);
            let first = said.response.authenticator_data.0.len();
            let byte = match place.checked_sub(first) {
                None => &mut said.response.authenticator_data.0[place],
                Some(place) => &mut said.response.client_data.0[place],
            };
            *byte ^= 1 << bit;
            assert!(party().signed(&said, &device.passkey()).is_err(), "bit {bit} of byte {place}");
        }
    }
}

#[test]
fn origins_are_of_the_domain() {
    let refused = |domain: &str, origin: &str| {
        let settings =
            SignIn { passkey_domain: domain.into(), passkey_origins: vec![origin.into()], ..SignIn::default() };
        Party::new(&settings).is_err()
    };
    for (domain, origin) in [
        ("example.org", "https://example.com"),
        ("example.org", "https://badexample.org"),
        ("example.org", "http://example.org"),
        ("example.org", "https://example.org/"),
        ("example.org", "example.org"),
        ("", "https://example.org"),
    ] {
        assert!(refused(domain, origin), "{domain} {origin}");
    }
    assert!(!refused("localhost", "http://localhost:18030") && !refused("example.org", "https://a.b.example.org:8443"));
    assert!(Party::new(&SignIn::default()).is_ok());
}
