# Processes of ours: started away from the terminal, and found again by a pid file. Sourced after environment.sh.
#
# A pid file holds two words, the pid and the tick at which that process was born, so that a stale file can never point
# `stop` or `kill` at a stranger who was given the same number later.

# born PID: the tick since boot at which the process began; fails for one that is gone, or dead and not yet buried. The first
# thread of a killed process may be dead while others still hold its port: then it lives.
born() {
  local stat threads
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  threads=("/proc/$1/task"/*)
  # The name in parentheses may hold anything, blanks too: count from behind it.
  set -- ${stat##*) }
  if [ "$1" != Z ] || [ ${#threads[@]} -gt 1 ]; then echo "${20}"; else return 1; fi
}

# pid_of NAME: the pid of our process of that name, if it lives.
pid_of() {
  local pid tick
  { read -r pid tick <"$pids/$1.pid"; } 2>/dev/null || return 1
  # Without a tick it was gone before its file was written.
  [ -n "$tick" ] && [ "$(born "$pid")" = "$tick" ] && echo "$pid"
}

# standing_of NAME: why a process does not count as running, for whoever has to find out.
standing_of() {
  local pid tick
  if ! { read -r pid tick <"$pids/$1.pid"; } 2>/dev/null; then
    echo "it has no pid file"
  elif [ -e "/proc/$pid" ]; then
    echo "its pid file says $pid, born at $tick; there is $(sed 's/ [0-9]* [0-9]* [0-9]* [0-9-]* .*//' "/proc/$pid/stat" 2>&1), born at $(born "$pid")"
  else
    echo "its process $pid is gone"
  fi
}

# age_of NAME: seconds since our process began, with one decimal.
age_of() {
  local up _
  read -r up _ </proc/uptime
  awk -v up="$up" -v born="$(born "$(pid_of "$1")")" -v hertz="$(getconf CLK_TCK)" 'BEGIN { printf "%.1f", up - born / hertz }'
}

# What waits when there is not enough for all, on a machine that all share: an answer is waited for by somebody, a view
# only catches up. The command API, Kafka and the generators of load come first.
declare -A niceness=([clickhouse]=10 [opensearch]=10 [postgres]=5 [query-api]=5
  [projector-postgres]=5 [projector-clickhouse]=10 [projector-search]=10 [publisher]=10 [policies]=5 [eraser]=5)

# Where Linux groups processes by session (sched_autogroup), niceness counts only inside a session; the group has its own.
# The session's first process tells the pid, and stays to write the last line of the log: who is killed cannot. What dies
# by itself (SIGABRT, SIGBUS, SIGSEGV) is started again, as an init system does.
session='{ echo "$0" >/proc/self/autogroup; } 2>/dev/null
  while :; do
    nice -n "$0" "$@" 3>&- &
    if [ -n "${begun:-}" ]; then
      echo "$! $(stat=$(<"/proc/$!/stat"); set -- ${stat##*) }; echo "${20}")" >"$pid_file"
    else
      begun=yes; echo "$!" >&3; exec 3>&-
    fi
    wait "$!" 2>/dev/null; status=$?
    said=$status; [ "$status" -le 128 ] || said="$status, by SIG$(kill -l "$((status - 128))")"
    TZ=UTC printf "%(%Y-%m-%dT%H:%M:%SZ)T process %s has ended with status %s\n" -1 "$!" "$said"
    case $status in 134 | 135 | 139) sleep 0.1 ;; *) break ;; esac
  done'

# launch NAME COMMAND…: starts it in a session of its own, its output going to logs/NAME.log (the run before: NAME.log.1),
# which ends with the status it ended with.
launch() {
  local name=$1 pid
  shift
  mkdir -p "$logs" "$pids"
  [ ! -e "$logs/$name.log" ] || mv "$logs/$name.log" "$logs/$name.log.1"
  read -r pid < <(pid_file=$pids/$name.pid setsid bash -c "$session" "${niceness[$name]:-0}" "$@" 3>&1 </dev/null >"$logs/$name.log" 2>&1)
  echo "$pid $(born "$pid")" >"$pids/$name.pid"
}

# end NAME SIGNAL [SECONDS]: sends the signal and waits until the process is gone; after SECONDS (30) it is killed.
end() {
  local pid tries
  if pid=$(pid_of "$1"); then
    kill "-$2" "$pid"
    for ((tries = ${3:-30} * 10; tries > 0; tries--)); do
      pid_of "$1" >/dev/null || break
      sleep 0.1
    done
    if [ "$tries" = 0 ]; then
      say "$1 did not end within ${3:-30} s and is killed"
      kill -KILL "$pid"
    fi
  fi
  rm -f "$pids/$1.pid"
}

# free_port NAME PORT: ends with a sentence if somebody else listens there.
free_port() {
  ! (exec 3<>"/dev/tcp/127.0.0.1/$2") 2>/dev/null ||
    die "port $2, which $1 needs, is taken by another program: stop that program, or set DAYBOOK_PORT_OFFSET to move all ports"
}

# await LIMIT NAME…: waits until every process answers, as told by `ready NAME`, and says so; at most LIMIT seconds. Who is not
# found running is looked for once more.
await() {
  local limit=$1 began=$SECONDS told=$SECONDS name
  shift
  local waiting=("$@") still=()
  while [ ${#waiting[@]} -gt 0 ]; do
    still=()
    for name in "${waiting[@]}"; do
      if ! pid_of "$name" >/dev/null && ! { sleep 0.5 && pid_of "$name" >/dev/null; }; then
        tail -n 15 "$logs/$name.log" >&2 2>/dev/null || true
        die "$name is not running ($(standing_of "$name")): its last lines are above, the whole log is $logs/$name.log"
      elif ready "$name"; then
        printf '  %-24s ready, %6s s after its start\n' "$name" "$(age_of "$name")"
      else
        still+=("$name")
      fi
    done
    waiting=("${still[@]}")
    [ ${#waiting[@]} -gt 0 ] || break
    if ((SECONDS - began > limit)); then
      die "${waiting[*]} did not become ready within $limit s: see $logs/${waiting[0]}.log"
    fi
    if ((SECONDS - told >= 5)); then
      told=$SECONDS
      say "  … waiting for ${waiting[*]} ($((SECONDS - began)) s)"
    fi
    sleep 0.2
  done
}
