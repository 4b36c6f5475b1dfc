"""What the stores hold, read with stock clients: {aggregate id: (version, status)} and the events, once each."""

import json

import psycopg
import requests

# What a store that is away, or has not got its tables yet, answers with.
Unanswered = (psycopg.Error, requests.RequestException, RuntimeError)

PAGE = 5_000


class Postgres:
    """The default views and the table of entries."""

    def __init__(self, settings):
        self.password = open(settings["password_file"]).read().strip() if "password_file" in settings else None
        self.connection = psycopg.connect(settings["url"], user=settings["user"], password=self.password)

    def incidents(self, tenant):
        self._as(tenant)
        rows = self.connection.execute("SELECT id, version, status FROM incident.incidents WHERE tenant = %s", (tenant,))
        return self._done({str(id): (version, status) for id, version, status in rows})

    def events(self, tenant):
        self._as(tenant)
        rows = self.connection.execute(
            "SELECT context, partition, number, index, command_id, type, aggregate_id, version FROM daybook.entries WHERE tenant = %s",
            (tenant,))
        return self._done([(context, partition, number, index, command, type, str(aggregate), version)
                           for context, partition, number, index, command, type, aggregate, version in rows])

    def without_one_incident(self, tenant):
        """The incidents after one row is deleted, in a transaction that is rolled back."""
        self._as(tenant)
        table = self.connection.execute(
            "SELECT tables[1] FROM daybook.views WHERE view = 'incident.incidents' AND state = 'live'").fetchone()[0]
        gone = self.connection.execute(
            f"DELETE FROM {table} WHERE id = (SELECT id FROM {table} WHERE tenant = %s LIMIT 1) RETURNING id", (tenant,)).fetchall()
        assert len(gone) == 1, "there is no row to take away"
        rows = self.connection.execute("SELECT id, version, status FROM incident.incidents WHERE tenant = %s", (tenant,))
        return self._done({str(id): (version, status) for id, version, status in rows})

    def _as(self, tenant):
        self.connection.rollback()  # of what a failed statement may have left behind
        # Row-level security shows a reader one tenant's rows; who owns the tables sees all.
        self.connection.execute("SELECT set_config('daybook.tenant', %s, true)", (str(tenant),))

    def _done(self, result):
        self.connection.rollback()
        return result


class Clickhouse:
    """The facts of incidents, and the events they come from."""

    def __init__(self, settings):
        self.url, self.database = settings["url"], settings.get("database", "daybook")
        self.user = settings["user"]
        self.password = open(settings["password_file"]).read().strip() if "password_file" in settings else ""

    def incidents(self, tenant):
        rows = self._ask("""SELECT toString(id), max(version), argMax(status, version)
                            FROM incident_facts WHERE tenant = {tenant:UUID} GROUP BY id""", tenant)
        return {id: (int(version), status) for id, version, status in rows}

    def events(self, tenant):
        rows = self._ask("""SELECT context, partition, number, index, command_id, type, toString(aggregate_id), version
                            FROM events WHERE tenant = {tenant:UUID}""", tenant)
        return [(context, int(partition), int(number), int(index), command, type, aggregate, int(version))
                for context, partition, number, index, command, type, aggregate, version in rows]

    def _ask(self, query, tenant):
        answer = requests.post(self.url, data=query + " FORMAT JSONCompactEachRow", timeout=60, params={
            "database": self.database, "param_tenant": str(tenant), "log_comment": str(tenant)},
            headers={"X-ClickHouse-User": self.user, "X-ClickHouse-Key": self.password})
        if answer.status_code != 200:
            raise RuntimeError(f"clickhouse: {answer.text.strip()[:300]}")
        return [json.loads(line) for line in answer.text.splitlines()]


class Opensearch:
    """The documents of incidents."""

    def __init__(self, settings):
        self.url = settings["url"].rstrip("/")

    def incidents(self, tenant):
        refreshed = requests.post(f"{self.url}/incident-incidents/_refresh", timeout=60)
        if refreshed.status_code != 200:
            raise RuntimeError(f"opensearch: {refreshed.text[:300]}")
        found, after = {}, None
        while True:
            query = {"size": PAGE, "query": {"term": {"tenant": str(tenant)}}, "version": True, "_source": ["status", "version"],
                     "sort": [{"_id": "asc"}]}
            if after:
                query["search_after"] = after
            answer = requests.post(f"{self.url}/incident-incidents/_search", json=query, timeout=60)
            if answer.status_code != 200:
                raise RuntimeError(f"opensearch: {answer.text[:300]}")
            hits = answer.json()["hits"]["hits"]
            for hit in hits:
                tenant_of, id = hit["_id"].split(":")
                assert tenant_of == str(tenant), f"opensearch: {hit['_id']} is not of tenant {tenant}"
                found[id] = (hit["_version"], hit["_source"]["status"])
            if len(hits) < PAGE:
                return found
            after = hits[-1]["sort"]
