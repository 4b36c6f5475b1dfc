#!/usr/bin/env python3
"""Makes a passkey and signs in with it, by Yubico's data structures of Web Authentication and a key in software.

Somebody registers, makes a passkey, signs in with it alone and beside the password; then everything that must not serve is
tried: a challenge twice, another page, another key, a device that was not unlocked or counts backwards, a passkey replaced.
The last line is one of JSON.
"""

import json
import os
import re
import sys
import time
import uuid
from hashlib import sha256
from pathlib import Path

import requests
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from fido2.cose import ES256
from fido2.utils import websafe_decode
from fido2.webauthn import (
    Aaguid, AttestationObject, AttestedCredentialData, AuthenticationResponse, AuthenticatorAssertionResponse,
    AuthenticatorAttestationResponse, AuthenticatorData, CollectedClientData, RegistrationResponse,
)

from settings import settings_of

PASSWORD = "a lift between two floors"
FLAG = AuthenticatorData.FLAG
checks = 0


class Device:
    """An authenticator with one passkey, that does as it is told."""

    def __init__(self, origin):
        self.origin, self.key, self.id, self.count = origin, ec.generate_private_key(ec.SECP256R1()), os.urandom(32), 1
        self.domain = self.user = None

    def client_data(self, kind, challenge, origin):
        return CollectedClientData.create(type=kind, challenge=challenge, origin=origin or self.origin)

    def make(self, options, flags=FLAG.UP | FLAG.UV, origin=None):
        asked = options["publicKey"]
        assert -7 in [kind["alg"] for kind in asked["pubKeyCredParams"]], asked
        self.domain, self.user = asked["rp"]["id"], websafe_decode(asked["user"]["id"])
        made = AttestedCredentialData.create(Aaguid(bytes(16)), self.id, ES256.from_cryptography_key(self.key.public_key()))
        data = AuthenticatorData.create(sha256(self.domain.encode()).digest(), flags | FLAG.AT, self.count, made)
        response = AuthenticatorAttestationResponse(
            client_data=self.client_data(CollectedClientData.TYPE.CREATE, asked["challenge"], origin),
            attestation_object=AttestationObject.create("none", data, {}),
        )
        return dict(RegistrationResponse(raw_id=self.id, response=response))

    def sign(self, options, flags=FLAG.UP | FLAG.UV, origin=None, count=None):
        asked = options["publicKey"]
        self.count = self.count + 1 if count is None else count
        data = AuthenticatorData.create(sha256(asked["rpId"].encode()).digest(), flags, self.count)
        client_data = self.client_data(CollectedClientData.TYPE.GET, asked["challenge"], origin)
        signature = self.key.sign(data + client_data.hash, ec.ECDSA(SHA256()))
        response = AuthenticatorAssertionResponse(
            client_data=client_data, authenticator_data=data, signature=signature, user_handle=self.user,
        )
        return dict(AuthenticationResponse(raw_id=self.id, response=response))


class Door:
    """Sign-in, for one person of the demo's organisation."""

    def __init__(self, state):
        settings = settings_of(state)
        self.url, self.mails = settings["cli"]["sign_in_url"], Path(settings["sign_in"]["mail_folder"])
        self.origin = settings["sign_in"]["passkey_origins"][0]
        self.email, self.token = f"passkey-{uuid.uuid4().hex[:12]}@demo.example", None

    def ask(self, path, body, expected=200, code=None):
        global checks
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        answer = requests.post(f"{self.url}/api/v1/auth/{path}", json=body, headers=headers, timeout=60)
        said = answer.json() if answer.content else {}
        if answer.status_code != expected or (code and said["error"]["code"] != code):
            sys.exit(f"{path} should answer {expected} {code or ''}, and answered {answer.status_code} {said}")
        checks += 1
        return said

    def mailed(self):
        for _ in range(100):
            for mail in sorted(self.mails.glob("*.eml"), reverse=True):
                text = mail.read_text()
                if f"To: {self.email}" in text:
                    return re.search(r"token=(dbv_\S+)", text).group(1)
            time.sleep(0.1)
        sys.exit(f"no mail to {self.email} came into {self.mails}")

    def register(self):
        self.ask("register", {"organization": "demo", "email": self.email, "name": "Passkey"}, 202)
        self.ask("verify-email", {"token": self.mailed(), "password": PASSWORD})
        self.token = self.login()["access_token"]

    def login(self, expected=200, code=None, **more):
        return self.ask("login", {"organization": "demo", "email": self.email, "password": PASSWORD, **more}, expected, code)

    def challenge(self):
        return self.ask("passkeys/challenge", {})

    def ways_of(self, session):
        """How the person showed who it is when that session began, once the views know of it."""
        for _ in range(100):
            headers = {"Authorization": f"Bearer {self.token}"}
            open_ones = requests.get(f"{self.url}/api/v1/auth/sessions", headers=headers, timeout=60).json()["items"]
            found = [one["amr"] for one in open_ones if one["id"] == session]
            if found:
                return found[0]
            time.sleep(0.1)
        sys.exit(f"the session {session} is shown nowhere")

    def sign_in(self, credential, expected=200, code=None):
        return self.ask("passkeys/login", {"credential": credential}, expected, code)

    def enable(self, expected=200, code=None, **more):
        return self.ask("mfa/enable", {"password": PASSWORD, "method": "webauthn", **more}, expected, code)

    def verify(self, credential, expected=200, code=None):
        return self.ask("mfa/verify", {"credential": credential}, expected, code)


def is_made(door, device):
    options = door.enable()
    assert options["publicKey"]["user"]["name"] == door.email, options
    door.verify(device.make(options, origin="https://daybook.example.com"), 422, "WRONG_PASSKEY")
    door.verify(device.make(options, flags=FLAG.UP), 422, "WRONG_PASSKEY")
    stale = device.make(options)
    options = door.enable()
    door.verify(stale, 422, "WRONG_PASSKEY")
    made = device.make(options)
    door.sign_in(device.sign(door.challenge()), 401, "INVALID_PASSKEY")
    codes = door.verify(made)["recovery_codes"]
    door.verify(made, 409, "NOT_ENROLLING")
    return codes


def serves(door, device):
    tokens = door.sign_in(device.sign(door.challenge()))
    door.token = tokens["access_token"]
    assert sorted(door.ways_of(tokens["session"])) == ["hwk", "mfa"]
    door.login(401, "SECOND_FACTOR_REQUIRED")
    door.login(credential=device.sign(door.challenge()))


def serves_nobody_else(door, device):
    signed = device.sign(door.challenge())
    door.sign_in(signed)
    accepted = device.count
    refused = lambda credential: door.sign_in(credential, 401, "INVALID_PASSKEY")
    refused(signed)
    refused(device.sign(door.challenge(), origin="https://daybook.example.com"))
    refused(device.sign(door.challenge(), flags=FLAG.UP))
    refused(device.sign({"publicKey": {"challenge": "bWFkZSB1cA", "rpId": device.domain}}))
    refused(device.sign(door.challenge(), count=accepted))
    refused(device.sign(door.challenge(), count=0))
    device.count = accepted + 10
    stranger = Device(door.origin)
    stranger.user = device.user
    refused(stranger.sign(door.challenge()))
    stranger.id = device.id
    refused(stranger.sign(door.challenge(), count=accepted + 20))
    whole = device.sign(door.challenge())
    for part in ("rawId", "response"):
        door.sign_in({name: value for name, value in whole.items() if name != part}, 400)
    door.sign_in({**whole, "rawId": "not base64url!"}, 400)
    door.sign_in(device.sign(door.challenge()))


def is_replaced(door, device, codes):
    door.enable(401, "SECOND_FACTOR_REQUIRED")
    another = Device(door.origin)
    made = another.make(door.enable(credential=device.sign(door.challenge())))
    door.verify({**made, "rawId": "AAAA"}, 422, "WRONG_PASSKEY")
    more = door.verify(made)["recovery_codes"]
    door.sign_in(device.sign(door.challenge()), 401, "INVALID_PASSKEY")
    door.sign_in(another.sign(door.challenge()))
    door.login(401, recovery_code=codes[0])
    door.login(recovery_code=more[0])
    door.ask("mfa/disable", {"password": PASSWORD, "credential": another.sign(door.challenge())})
    door.sign_in(another.sign(door.challenge()), 401, "INVALID_PASSKEY")
    door.login()


def main():
    door = Door(os.environ["DAYBOOK_STATE"])
    door.register()
    device = Device(door.origin)
    codes = is_made(door, device)
    serves(door, device)
    serves_nobody_else(door, device)
    is_replaced(door, device, codes)
    print(json.dumps({"passkey": "serves its owner", "answers": checks}))


if __name__ == "__main__":
    main()
