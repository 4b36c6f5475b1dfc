# The schema registry (Apicurio, with the Confluent interface below /apis/ccompat/v7), storage in Kafka. Sourced by ../stack.

component_ports=("$registry_port" "$registry_management_port")
component_signal=TERM
component_address=http://127.0.0.1:$registry_port/apis/ccompat/v7
component_folder=$DAYBOOK_STATE/registry

start() {
  mkdir -p "$component_folder"
  # The distribution's starter loads classes in its own way, which no training reaches: here they stand on a plain class
  # path, the altered ones first.
  local app=$jars/registry
  local class_path=$app/quarkus/transformed-bytecode.jar:$app/quarkus/generated-bytecode.jar:$app/app/*:$app/lib/boot/*:$app/lib/main/*
  # At a start it polls topics that may be empty, four times for as long as the poll timeout says (by default 5 s).
  launch registry "$java" -Xms64m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:+ExitOnOutOfMemoryError "${trained[@]}" \
    -Djava.net.preferIPv4Stack=true -Djava.io.tmpdir="$component_folder" \
    -Dquarkus.http.host=127.0.0.1 -Dquarkus.http.port="$registry_port" \
    -Dquarkus.management.host=127.0.0.1 -Dquarkus.management.port="$registry_management_port" \
    -Dquarkus.http.access-log.enabled=false \
    -Dapicurio.rules.global.compatibility=FULL_TRANSITIVE \
    -Dapicurio.kafkasql.consumer.poll.timeout=500 \
    -Dapicurio.storage.kind=kafkasql -Dapicurio.kafkasql.bootstrap.servers=127.0.0.1:"$kafka_port" \
    -Dapicurio.datasource.jdbc.initial-size=2 -Dapicurio.datasource.jdbc.min-size=2 -Dapicurio.datasource.jdbc.max-size=16 \
    -Dapicurio.storage.snapshot.location="$component_folder" -Dapicurio.import.work-dir="$component_folder" \
    -cp "$class_path" io.quarkus.runner.GeneratedMain
}

answers() { curl -fsS -o /dev/null --max-time 5 "$component_address/subjects" 2>/dev/null; }
