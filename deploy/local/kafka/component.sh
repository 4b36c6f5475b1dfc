# Apache Kafka, broker and controller in one JVM (KRaft). Sourced by ../stack.

kafka_data=$DAYBOOK_STATE/kafka
kafka_settings=$kafka_data/server.properties

component_ports=("$kafka_port" "$kafka_controller_port")
component_signal=TERM
component_address=127.0.0.1:$kafka_port
component_folder=$kafka_data

write_settings() {
  cat >"$kafka_settings" <<SETTINGS
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$kafka_controller_port
listeners=PLAINTEXT://127.0.0.1:$kafka_port,CONTROLLER://127.0.0.1:$kafka_controller_port
advertised.listeners=PLAINTEXT://127.0.0.1:$kafka_port
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs=$kafka_data/data

# Topics are made on purpose, never by a typo.
auto.create.topics.enable=false

# One node: every internal topic has one replica, and few partitions for a quick start.
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=4

# Consumers join at once, instead of after 3 s.
group.initial.rebalance.delay.ms=0

# A small machine. The cleaner's buffer is taken from the heap (default 128 MiB).
num.network.threads=2
num.io.threads=4
background.threads=2
log.cleaner.dedupe.buffer.size=16777216
SETTINGS
}

start() {
  mkdir -p "$kafka_data"
  write_settings
  local logging=-Dlog4j2.configurationFile=$deploy/kafka/log4j2.xml
  if [ ! -e "$kafka_data/data/meta.properties" ]; then
    # Any base64url of 16 bytes; every cluster here is alone in its world.
    "$java" -Xmx128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 "$logging" -cp "$jars/kafka/*" kafka.tools.StorageTool \
      format -t daybook-local-cluster-w -c "$kafka_settings" >"$logs/kafka-format.log" 2>&1 ||
      die "Kafka's folder could not be formatted: see $logs/kafka-format.log"
  fi
  launch kafka "$java" -Xms256m -Xmx768m -XX:+UseG1GC -XX:+ExitOnOutOfMemoryError "${trained[@]}" \
    -Djava.awt.headless=true -Djava.net.preferIPv4Stack=true "$logging" -cp "$jars/kafka/*" kafka.Kafka "$kafka_settings"
}

# An open port says nothing: the broker writes this line once it is unfenced and serves requests.
answers() { grep -qs 'Kafka Server started' "$logs/kafka.log"; }
