#!/bin/sh
# Run once by the Postgres image, on an empty data folder: the two roles, as in the local system. The owner of the database
# is not bound by row-level security; daybook_app neither owns a table nor may bypass a policy.
set -eu
psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d postgres <<SQL
CREATE ROLE daybook_owner LOGIN PASSWORD '$(cat /run/secrets/postgres-owner)';
CREATE ROLE daybook_app LOGIN NOBYPASSRLS PASSWORD '$(cat /run/secrets/postgres-app)';
CREATE DATABASE daybook OWNER daybook_owner;
SQL
