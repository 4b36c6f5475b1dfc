# ClickHouse: the engine of a Python wheel behind its own HTTP and TCP servers. Sourced by ../stack.

component_ports=("$clickhouse_http_port" "$clickhouse_tcp_port")
component_signal=TERM
component_address=http://127.0.0.1:$clickhouse_http_port
component_folder=$DAYBOOK_STATE/clickhouse

fingerprint() { printf %s "$(<"$secrets/$1")" | sha256sum | cut -c1-64; }

start() {
  mkdir -p "$component_folder"
  cp "$deploy"/clickhouse/{config,users}.xml "$component_folder"
  cp -r "$deploy"/../clickhouse/{config,users}.d "$component_folder"
  CLICKHOUSE_HTTP_PORT=$clickhouse_http_port CLICKHOUSE_TCP_PORT=$clickhouse_tcp_port CLICKHOUSE_LOG=$logs/clickhouse-engine.log \
    DAYBOOK_CLICKHOUSE_PROJECTOR_SHA256=$(fingerprint clickhouse-projector) \
    DAYBOOK_CLICKHOUSE_QUERY_SHA256=$(fingerprint clickhouse-query) \
    TZ=UTC PYTHONPATH=$clickhouse_engine launch clickhouse python3 "$deploy/clickhouse/server.py" "$component_folder"
}

answers() { curl -fsS -o /dev/null --max-time 5 "$component_address/ping" 2>/dev/null; }
