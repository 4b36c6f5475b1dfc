# Redis, in which instances count their limits together: optional, and brought by the machine's package. Sourced by ../stack.
#
# It keeps nothing on disk: what it holds is worth an hour at most.

component_ports=("$redis_port")
component_signal=TERM
component_address=redis://127.0.0.1:$redis_port/0
component_folder=$DAYBOOK_STATE/redis

start() {
  command -v redis-server >/dev/null || die "redis-server is missing: install the package redis-server of your system"
  mkdir -p "$component_folder"
  # The password stands in a file, never in an argument.
  cat >"$component_folder/redis.conf" <<CONF
bind 127.0.0.1
port $redis_port
dir $component_folder
save ""
appendonly no
maxmemory 64mb
maxmemory-policy volatile-ttl
requirepass $(<"$secrets/redis")
CONF
  launch redis redis-server "$component_folder/redis.conf"
}

answers() {
  local answer
  { exec 3<>"/dev/tcp/127.0.0.1/$redis_port" && printf 'PING\r\n' >&3 && read -r -t 1 answer <&3; } 2>/dev/null
  exec 3>&-
  case ${answer:-} in +PONG* | -NOAUTH*) return 0 ;; *) return 1 ;; esac
}
