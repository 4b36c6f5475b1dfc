#!/usr/bin/env python3
"""Gives both services what their OpenAPI documents describe, and what they do not, by schemathesis, with all its checks.

Each answer has to be one that the document promises: no 5xx of ours, no undocumented status, header or form; bad data refused,
good data not; nothing answered without a token. What cannot be asked of these services is said in schemathesis.toml.
It acts in a tenant of its own. `--cases` is how many cases both documents get together, at least.
"""

import argparse
import json
import math
import os
import re
import subprocess
import sys
import time
import tomllib
import uuid
from pathlib import Path

import requests

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
# Who asks has no account, so that the token alone says what they may. An id that no example names: else one of the cases would
# make an account of it, which holds no role.
USER = str(uuid.uuid4())


def settings():
    state = os.environ["DAYBOOK_STATE"]
    path = Path(os.environ.get("DAYBOOK_CONFIG") or Path(state) / "daybook.toml")
    if not path.exists():
        sys.exit(f"daybook: {path} does not exist: is the system up? (DAYBOOK_STATE names its folder)")
    return tomllib.loads(path.read_text())


def token(tenant, permission):
    asked = ["--tenant", tenant, "--user", USER, "--permission", permission, "--lifetime", "4h"]
    return subprocess.run([CHECKOUT / "deploy/local/daybook", "token", *asked], check=True, capture_output=True, text=True).stdout.strip()


def begin_tenant(url):
    """An organisation of its own: what is made here is in nobody's way."""
    slug = f"hostile-{uuid.uuid4().hex[:12]}"
    headers = {"Authorization": f"Bearer {token('platform', '*')}"}
    body = {"name": slug, "slug": slug, "isolation": "shared", "owner_email": f"owner@{slug}.example"}
    receipt = requests.post(f"{url}/api/v1/organizations", json=body, headers=headers, timeout=30)
    receipt.raise_for_status()
    id = receipt.json()["id"]
    requests.post(f"{url}/api/v1/organizations/{id}/activate", json={}, headers=headers, timeout=30).raise_for_status()
    fill(url, {"Authorization": f"Bearer {token(id, '*')}"})
    return id


def fill(url, headers):
    """A little of everything, so that more is met than what is not there."""
    def begin(path, body):
        receipt = requests.post(f"{url}/api/v1/{path}", json=body, headers=headers, timeout=30)
        receipt.raise_for_status()
        return receipt.json()["id"]

    caller = begin("users", {"email": "ada@example.org", "name": "Ada"})
    begin("groups", {"name": "Service Desk"})
    ci = begin("cmdb/cis", {"name": "host-1", "ci_type": "server", "environment": "production"})
    for text in ("The lift is stuck", "No e-mail since this morning"):
        begin("incidents", {"short_description": text, "caller": caller, "channel": "phone", "impact": 2, "urgency": 1, "cis": [ci]})


def document_of(name):
    return CHECKOUT / "schemas" / "openapi" / f"{name}.json"


def operations_of(name):
    return sum(len(item) for item in json.loads(document_of(name).read_text())["paths"].values())


def run(name, url, tenant, each, phases, seed, more):
    """How many cases one document was tried with, so many for each operation, and whether all of them held."""
    environment = {**os.environ, "DAYBOOK_TOKEN": token(tenant, "*"), "NO_COLOR": "1", "PYTHONWARNINGS": "ignore",
                   "SCHEMATHESIS_HOOKS": "cases", "PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", HERE / "schemathesis.toml", "run", document_of(name), "--url", url,
               "--checks", "all", "--phases", phases, "--max-examples", str(each), "--seed", str(seed), "--no-shrink",
               "--workers", "2", "--continue-on-failure", *more]
    began = time.monotonic()
    done = subprocess.run([str(part) for part in command], env=environment, capture_output=True, text=True, cwd=os.environ["DAYBOOK_STATE"])
    took = time.monotonic() - began
    said = re.search(r"(\d[\d,_]*) generated", done.stdout)
    tried = int(re.sub(r"[,_]", "", said[1])) if said else 0
    print(f"  {name}: {tried} cases of {operations_of(name)} operations in {took:.0f} s", flush=True)
    if done.returncode:
        print(done.stdout[-20000:], done.stderr[-2000:])
    return tried, done.returncode == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=2_000)
    parser.add_argument("--phases", default="fuzzing", help="of schemathesis: examples, coverage, fuzzing, stateful")
    parser.add_argument("--seed", type=int, default=20261121)
    parser.add_argument("--only", choices=["command-api", "query-api", "sign-in"])
    asked, more = parser.parse_known_args()
    told = settings()["cli"]
    tenant = begin_tenant(told["command_url"])
    services = {"command-api": told["command_url"], "query-api": told["query_url"], "sign-in": told["sign_in_url"]}
    chosen = [name for name in services if asked.only in (None, name)]
    # Operations that take nothing have few cases: the others make up for them.
    each = math.ceil(1.2 * asked.cases / sum(map(operations_of, chosen)))
    found = [run(name, services[name], tenant, each, asked.phases, asked.seed, more) for name in chosen]
    total, holds = sum(tried for tried, _ in found), all(held for _, held in found)
    if total < asked.cases:
        holds = False
        print(f"daybook: only {total} cases were tried, not {asked.cases}")
    print(json.dumps({"cases": total, "seed": asked.seed, "holds": holds}))
    sys.exit(0 if holds else 1)


main()
