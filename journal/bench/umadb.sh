# UmaDB, with its own defaults. Sourced by run.

component_ports=("$umadb_port")
component_signal=TERM
component_address=http://127.0.0.1:$umadb_port
component_folder=$DAYBOOK_STATE/umadb

start() {
  mkdir -p "$component_folder"
  launch umadb "$umadb/bin/umadb" --listen "127.0.0.1:$umadb_port" --db-path "$component_folder"
}

answers() { (exec 3<>"/dev/tcp/127.0.0.1/$umadb_port") 2>/dev/null; }
