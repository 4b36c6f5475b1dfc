# Keycloak, an identity provider to federate with: optional, and started by its name only. Sourced by ../stack.
#
# The distribution lies built in the cache, shared and never written to; a home of this system's own points to it. It begins with
# the realm `master` and its administrator `admin`, whose password is the secret `keycloak-admin`, and with the realm `daybook` of
# realm.json: three people, and the client `daybook`, whose secret is `keycloak-client`. The realm `office` stands for a provider
# elsewhere that speaks SAML.

component_ports=("$keycloak_port")
component_signal=TERM
component_address=http://127.0.0.1:$keycloak_port
component_folder=$DAYBOOK_STATE/keycloak

start() {
  fetch_keycloak_once
  mkdir -p "$component_folder/data/import" "$component_folder/tmp"
  # Read only where there is no such realm yet.
  local realm
  for realm in realm office; do
    sed -e "s|@client_secret@|$(<"$secrets/keycloak-client")|" -e "s|@sign_in@|http://127.0.0.1:$sign_in_port|" \
      -e "s|@keycloak@|$component_address|" "$deploy/keycloak/$realm.json" >"$component_folder/data/import/$realm.json"
  done
  local part
  for part in lib conf providers themes; do ln -sfn "$keycloak/$part" "$component_folder/$part"; done
  # As kc.sh would start it, without that shell as the parent, so that the pid is the server's. The password is read from the
  # environment, and only where there is no administrator yet.
  KC_BOOTSTRAP_ADMIN_USERNAME=admin KC_BOOTSTRAP_ADMIN_PASSWORD=$(<"$secrets/keycloak-admin") \
    launch keycloak "$java" -Xms64m -Xmx384m -XX:MaxMetaspaceSize=256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
    -XX:+ExitOnOutOfMemoryError -Dfile.encoding=UTF-8 -Djava.io.tmpdir="$component_folder/tmp" \
    --add-opens=java.base/java.util=ALL-UNNAMED --add-opens=java.base/java.util.concurrent=ALL-UNNAMED \
    --add-opens=java.base/java.security=ALL-UNNAMED --add-opens=java.base/java.lang=ALL-UNNAMED \
    --enable-native-access=ALL-UNNAMED -Djava.util.logging.manager=org.jboss.logmanager.LogManager \
    -Djava.util.concurrent.ForkJoinPool.common.threadFactory=io.quarkus.bootstrap.forkjoin.QuarkusForkJoinWorkerThreadFactory \
    -Dkc.home.dir="$component_folder" -Djboss.server.config.dir="$component_folder/conf" \
    -cp "$keycloak/lib/quarkus-run.jar" io.quarkus.bootstrap.runner.QuarkusEntryPoint \
    start --optimized --import-realm --http-enabled=true --http-host=127.0.0.1 --http-port="$keycloak_port" \
    --cache=local --hostname="$component_address"
}

answers() { curl -fsS -o /dev/null --max-time 5 "$component_address/realms/daybook/.well-known/openid-configuration" 2>/dev/null; }
