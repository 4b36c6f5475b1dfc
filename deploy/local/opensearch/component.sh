# One OpenSearch node, without its security plugin and so on loopback only. Sourced by ../stack.

component_ports=("$opensearch_port" "$opensearch_transport_port")
component_signal=TERM
component_address=http://127.0.0.1:$opensearch_port
component_folder=$DAYBOOK_STATE/opensearch

write_settings() {
  mkdir -p "$component_folder"/{config,data,logs,tmp}
  cp "$deploy/opensearch/log4j2.properties" "$component_folder/config"
  cat >"$component_folder/config/opensearch.yml" <<SETTINGS
cluster.name: daybook-local
node.name: local
discovery.type: single-node
network.host: 127.0.0.1
http.port: $opensearch_port
transport.port: $opensearch_transport_port
path.data: $component_folder/data
path.logs: $component_folder/logs
# Indexes are made on purpose, never by a typo.
action.auto_create_index: false
# A full disk of a developer's machine must not turn the indexes read-only.
cluster.routing.allocation.disk.threshold_enabled: false
SETTINGS
}

start() {
  write_settings
  # Serial collector and first compiler only: least memory and CPU on a small machine.
  launch opensearch "$java" -Xms512m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:+ExitOnOutOfMemoryError "${trained[@]}" \
    --enable-native-access=ALL-UNNAMED -Djava.io.tmpdir="$component_folder/tmp" \
    -Dlog4j.shutdownHookEnabled=false -Dlog4j2.disable.jmx=true -Dio.netty.noUnsafe=true \
    -cp "$jars/opensearch/*" LocalNode "$component_folder"
}

answers() { curl -fs -o /dev/null --max-time 5 "$component_address/_cluster/health?wait_for_status=yellow&timeout=1s"; }
