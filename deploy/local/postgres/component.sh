# PostgreSQL: a cluster of our own, never the system's, with the server of the machine's package. Sourced by ../stack.
#
# Two roles can log in: daybook_owner, who owns the database (and may make others, for tests) and so is not bound by
# row-level security, and daybook_app,
# who neither owns a table nor may bypass a policy. The superuser has no way in from outside.

component_ports=("$postgres_port")
component_signal=INT # a fast stop: sessions are ended, nothing is lost
component_address=postgres://127.0.0.1:$postgres_port/daybook
component_folder=$DAYBOOK_STATE/postgres

bin=$(postgres_bin)

# The server refuses to run as root: there it runs as the package's user.
unprivileged=()
[ "$(id -u)" != 0 ] || unprivileged=(setpriv --reuid=postgres --regid=postgres --clear-groups)

# The folder must be reachable for that user. Below a home of mode 700 it is not: then it lies in /var/lib, behind a link.
make_folder() {
  if [ ! -e "$component_folder" ]; then
    local folder=$component_folder
    if [ "$(id -u)" = 0 ] && ! "${unprivileged[@]}" test -x "$DAYBOOK_STATE"; then
      folder=/var/lib/daybook/$(sha256sum <<<"$DAYBOOK_STATE" | cut -c1-12)-postgres
      rm -rf "$folder"
      install -d -m 711 /var/lib/daybook
    fi
    mkdir "$folder"
    [ "$(id -u)" != 0 ] || chown postgres:postgres "$folder"
    [ "$folder" = "$component_folder" ] || ln -sfn "$folder" "$component_folder"
  fi
  component_folder=$(readlink -f "$component_folder")
}

# Roles and database are made by a server in single-user mode, so that no half-made cluster is ever reachable.
make_cluster() {
  # initdb refuses a folder that is not empty: a half-made one is begun again.
  rm -rf "${component_folder:?}/data"
  "${unprivileged[@]}" "$bin/initdb" -D "$component_folder/data" -U postgres -A reject -E UTF8 --locale=C.UTF-8 --no-sync \
    >"$logs/postgres-init.log" 2>&1 || die "the Postgres cluster could not be made: see $logs/postgres-init.log"
  "${unprivileged[@]}" tee "$component_folder/data/pg_hba.conf" >/dev/null <<<'host all daybook_owner,daybook_app 127.0.0.1/32 scram-sha-256'
  "${unprivileged[@]}" "$bin/postgres" --single -j -D "$component_folder/data" postgres >>"$logs/postgres-init.log" 2>&1 <<SQL ||
CREATE ROLE daybook_owner LOGIN CREATEDB PASSWORD '$(<"$secrets/postgres-owner")';

CREATE ROLE daybook_app LOGIN NOBYPASSRLS PASSWORD '$(<"$secrets/postgres-app")';

CREATE DATABASE daybook OWNER daybook_owner;

SQL
    die "the Postgres roles could not be made: see $logs/postgres-init.log"
  "${unprivileged[@]}" touch "$component_folder/made"
}

# A server that was killed leaves a file with its pid, which may be a stranger's by now; a start would then be refused.
forget_killed() {
  local pid
  { read -r pid <data/postmaster.pid; } 2>/dev/null || return 0
  [ "$(readlink "/proc/$pid/cwd")" = "$(pwd -P)/data" ] || rm -f data/postmaster.pid
}

start() {
  make_folder
  [ -e "$component_folder/made" ] || make_cluster
  cd "$component_folder"
  forget_killed
  launch postgres "${unprivileged[@]}" "$bin/postgres" -D data -p "$postgres_port" -c listen_addresses=127.0.0.1 \
    -c unix_socket_directories= -c shared_buffers=256MB -c max_connections=200 \
    -c maintenance_work_mem=256MB -c max_wal_size=4GB
}

answers() { "$bin/pg_isready" -q -h 127.0.0.1 -p "$postgres_port" -t 1; }
