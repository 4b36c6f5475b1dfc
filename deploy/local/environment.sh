# Where the local system lives: folders, ports and addresses, the same for every script here. Sourced, never run.
#
# DAYBOOK_STATE        folder of everything a system writes: data, logs, pid files, secrets (default .local in the checkout)
# DAYBOOK_CACHE        downloaded parts, shared by all systems of this machine (default ~/.cache/daybook)
# DAYBOOK_PORT_OFFSET  added to every port, so that several systems can run side by side (default: what this state was begun
#                      with, else 0; make test takes 2000)
#
# Ports stay below 32768: a client that polls a free port of the ephemeral range can connect to itself and hold it.

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
deploy=$checkout/deploy/local

DAYBOOK_STATE=${DAYBOOK_STATE:-$checkout/.local}
DAYBOOK_CACHE=${DAYBOOK_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/daybook}
mkdir -p "$DAYBOOK_STATE" "$DAYBOOK_CACHE"
DAYBOOK_STATE=$(cd "$DAYBOOK_STATE" && pwd -P)
DAYBOOK_CACHE=$(cd "$DAYBOOK_CACHE" && pwd -P)

# One state, one set of ports: with others, services would talk to the components of another system. `purge` forgets them.
begun_with=$(cat "$DAYBOOK_STATE/port-offset" 2>/dev/null || true)
DAYBOOK_PORT_OFFSET=${DAYBOOK_PORT_OFFSET:-${begun_with:-0}}
if [ "$DAYBOOK_PORT_OFFSET" != "${begun_with:-$DAYBOOK_PORT_OFFSET}" ]; then
  echo "daybook: $DAYBOOK_STATE was begun with DAYBOOK_PORT_OFFSET=$begun_with, not $DAYBOOK_PORT_OFFSET: leave the variable out, or name another DAYBOOK_STATE" >&2
  exit 1
fi
export DAYBOOK_STATE DAYBOOK_CACHE DAYBOOK_PORT_OFFSET

logs=$DAYBOOK_STATE/logs
pids=$DAYBOOK_STATE/run
secrets=$DAYBOOK_STATE/secrets

# port BASE: the port of this system that stands for BASE.
port() { echo $(($1 + DAYBOOK_PORT_OFFSET)); }

kafka_port=$(port 19092)
kafka_controller_port=$(port 19093)
registry_port=$(port 18081)
registry_management_port=$(port 18082)
postgres_port=$(port 15432)
clickhouse_http_port=$(port 18123)
clickhouse_tcp_port=$(port 19000)
opensearch_port=$(port 19200)
opensearch_transport_port=$(port 19300)
redis_port=$(port 16379)
keycloak_port=$(port 18080)
command_api_port=$(port 18000)
command_api_2_port=$(port 18001)
query_api_port=$(port 18010)
projector_postgres_port=$(port 18021)
projector_clickhouse_port=$(port 18022)
projector_search_port=$(port 18023)
publisher_port=$(port 18024)
policies_port=$(port 18025)
sign_in_port=$(port 18030)
eraser_port=$(port 18029)

# say WORDS…: one line of progress.
say() { printf '%s\n' "$*"; }

# die SENTENCE: ends with one sentence that names what to do or where to look.
die() {
  printf 'daybook: %s\n' "$*" >&2
  exit 1
}
