#!/usr/bin/env python3
"""A sample of the matrix with stock clients: what is one tenant's, or one domain's, is told to nobody of another.

Asks Postgres and ClickHouse as the query API's own users, whose row policies are the last line, and every question without an
id over HTTP as somebody of another tenant and as nobody. The last line is one of JSON; it says `"leaks": 0` only if nothing
crosses over.
"""

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path

import psycopg
import requests

from settings import settings_of

CHECKOUT = Path(__file__).resolve().parents[2]
# A team names its domain by id, and is shown to the whole tenant; what is kept apart has the name of its domain as text.
VIEWS = """SELECT table_schema || '.' || table_name,
                  bool_or(column_name = 'domain' AND data_type = 'text') FROM information_schema.columns
           WHERE table_schema IN ('tenancy', 'identity', 'incident', 'cmdb') AND table_name !~ '_[0-9a-f]{8}$'
           GROUP BY 1 HAVING bool_or(column_name = 'tenant') ORDER BY 1"""

checks, leaks = 0, []


def check(what, leaked):
    global checks
    checks += 1
    if leaked:
        leaks.append(f"{what}: {leaked}")


def secret(state, name):
    return (Path(state) / "secrets" / name).read_text().strip()


def postgres(settings, state):
    """Row-level security: of tenants, and of domains where a view says of which one a row is."""
    owner = psycopg.connect(settings["postgres"]["url"], user="daybook_owner", password=secret(state, "postgres-owner"))
    # Contracts of the views leave rows of tenants that no other store has heard of.
    tenants = owner.execute("""SELECT i.tenant FROM incident.incidents i JOIN tenancy.organizations o ON o.id = i.tenant
                               GROUP BY 1 ORDER BY count(i.domain) DESC, count(*) DESC""").fetchall()
    if not tenants:
        sys.exit("daybook: there are no incidents yet: run `daybook seed`")
    tenant = tenants[0][0]
    other = tenants[1][0] if len(tenants) > 1 else uuid.uuid4()
    domains = owner.execute("SELECT DISTINCT domain FROM incident.incidents WHERE tenant = %s AND domain IS NOT NULL", (tenant,))
    domains = [domain for domain, in domains.fetchall()]
    ids = [str(id) for id, in owner.execute("SELECT id FROM incident.incidents WHERE tenant = %s LIMIT 1000", (tenant,)).fetchall()]
    owner.rollback()
    reader = psycopg.connect(settings["postgres"]["url"], user="daybook_app", password=secret(state, "postgres-app"))

    def count(sql, *values, tenant="", domain=""):
        reader.rollback()
        reader.execute("SELECT set_config('daybook.tenant', %s, true), set_config('daybook.domain', %s, true)", (str(tenant), domain))
        return reader.execute(sql, values).fetchone()[0]

    shown = 0
    for view, has_domain in owner.execute(VIEWS).fetchall():
        shown += count(f"SELECT count(*) FROM {view} WHERE tenant = %s", tenant, tenant=tenant)
        check(f"{view} as another tenant", count(f"SELECT count(*) FROM {view} WHERE tenant <> %s", other, tenant=other))
        check(f"{view} as no tenant", count(f"SELECT count(*) FROM {view}"))
        for domain in domains + ["elsewhere"] if has_domain else []:
            sql = f"SELECT count(*) FROM {view} WHERE domain <> %s"
            check(f"{view} as somebody of {domain}", count(sql, domain, tenant=tenant, domain=domain))
    assert shown > 0, "the tenant sees nothing of its own, so this tells nothing"
    return tenant, other, ids


def clickhouse(settings, state, tenant, other):
    """The row policy: of tenants, and of domains for who is of one."""
    password = secret(state, "clickhouse-query")

    def count(table, as_whom, domain=None):
        whose = f"{as_whom} {domain}" if domain else str(as_whom)
        beyond = f" AND domain NOT IN ('*', '{domain}')" if domain else ""
        answer = requests.post(settings["clickhouse"]["url"], timeout=60,
                               data=f"SELECT count() FROM {table} WHERE tenant = {{tenant:UUID}}{beyond}",
                               params={"database": settings["clickhouse"].get("database", "daybook"), "param_tenant": str(tenant),
                                       **({"log_comment": whose} if as_whom else {})},
                               headers={"X-ClickHouse-User": "daybook_query", "X-ClickHouse-Key": password})
        # Without a tenant the policy cannot be asked, and so the query fails.
        return int(answer.text) if answer.status_code == 200 else 0

    for table in ["events", "incident_facts", "incident_daily"]:
        assert count(table, tenant) > 0, f"the tenant sees nothing of its own in {table}"
        check(f"{table} as another tenant", count(table, other))
        check(f"{table} as no tenant", count(table, None))
        for domain in ["health", "justice", "elsewhere"]:
            check(f"{table} as somebody of {domain}", count(table, tenant, domain))


def interfaces(other, ids):
    """Every question that needs no id, as an admin of another tenant and as nobody."""
    tool = [str(CHECKOUT / "deploy" / "local" / "daybook"), "token", "--tenant", str(other), "--user", str(uuid.uuid4()), "--role", "admin"]
    token = subprocess.run(tool, check=True, capture_output=True, text=True).stdout.strip()
    port = 18010 + int(os.environ.get("DAYBOOK_PORT_OFFSET", "0"))
    base = f"http://127.0.0.1:{port}"
    paths = requests.get(f"{base}/openapi.json", timeout=60).json()["paths"]
    assert len(paths) > 50, f"only {len(paths)} paths are described"
    for path in paths:
        if "{id}" in path:
            path = path.replace("{id}", ids[0])
        url = f"{base}{path}?q=the" if "search" in path else f"{base}{path}"
        told = requests.get(url, timeout=60, headers={"Authorization": f"Bearer {token}"})
        # A refusal may say the id that was asked for; nothing else of it.
        check(f"{path} as another tenant", [id for id in ids if told.status_code == 200 and id in told.text])
        nobody = requests.get(url, timeout=60)
        check(f"{path} as nobody", nobody.text[:200] if nobody.status_code != 401 else None)


def main():
    state = os.environ["DAYBOOK_STATE"]
    settings = settings_of(state)
    tenant, other, ids = postgres(settings, state)
    clickhouse(settings, state, tenant, other)
    interfaces(other, ids)
    for leak in leaks:
        print(leak)
    print(json.dumps({"checks": checks, "leaks": len(leaks)}))
    sys.exit(1 if leaks else 0)


if __name__ == "__main__":
    main()
