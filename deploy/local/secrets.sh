# The secrets of one local system: files of mode 600, made once, never an argument of a program. Sourced after environment.sh.

# random_hex BYTES
random_hex() { head -c "$1" /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }

make_secrets() {
  mkdir -p "$secrets"
  chmod 700 "$secrets"
  local name
  for name in postgres-owner postgres-app clickhouse-projector clickhouse-query redis keycloak-admin keycloak-client; do
    [ -s "$secrets/$name" ] || random_hex 24 >"$secrets/$name"
  done
  # 32 bytes in hex each: the master key under which personal fields are sealed, and that of the secrets of sign-in.
  for name in sealing-key sign-in-key; do
    [ -s "$secrets/$name" ] || random_hex 32 >"$secrets/$name"
  done
  # For psql: PGPASSFILE names this file.
  local role
  for role in owner app; do
    echo "127.0.0.1:$postgres_port:daybook:daybook_$role:$(<"$secrets/postgres-$role")"
  done >"$secrets/pgpass"
}
