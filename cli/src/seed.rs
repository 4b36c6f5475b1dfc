//! The demo tenant: an organisation with a plan, people, groups, domains, teams, a small estate and a few incidents, loaded
//! through the command API.
//!
//! Every command carries a key, and what was made is found again, so that loading it once more changes nothing.

use std::collections::{BTreeMap, HashMap};

use daybook_contents::permissions::built_in;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::api::{Api, Command, Failure, Receipt};
use crate::fault::Fault;
use crate::role::Role;
use crate::settings::Settings;
use crate::sign_in;
use crate::tenant::{self, Demo};

/// The demo tenant's slug.
const SLUG: &str = "demo";

/// The people: name, address before the domain, and the groups they belong to.
const PEOPLE: &[(&str, &str, &[&str])] = &[
    ("Alba Ferreira", "alba.ferreira", &["Service Desk"]),
    ("Jonas Weber", "jonas.weber", &["Service Desk", "Network"]),
    ("Mina Okafor", "mina.okafor", &["Network"]),
    ("Priya Raman", "priya.raman", &["Applications"]),
    ("Tomás Vidal", "tomas.vidal", &["Applications"]),
    ("Chiara Rossi", "chiara.rossi", &[]),
    ("Olaf Lindqvist", "olaf.lindqvist", &[]),
];

/// The groups.
const GROUPS: &[&str] = &["Service Desk", "Network", "Applications"];

/// The domains: short name, name.
const DOMAINS: &[(&str, &str)] = &[("offices", "Offices"), ("plants", "Plants")];

/// The teams: name, domain, and who belongs to it, the lead first.
const TEAMS: &[(&str, &str, &[&str])] = &[
    ("Workplace", "offices", &["Alba Ferreira", "Priya Raman"]),
    ("Plant Network", "plants", &["Jonas Weber", "Mina Okafor"]),
];

/// Who runs the organisation: whoever sets it up names its first admin, who gives the other roles.
const ADMIN: &str = "Olaf Lindqvist";

/// What the members of every group are, and who is in none; and an admin.
const ROLES: (&str, &str, &str) = ("Agent", "End User", "Organization Admin");

/// The agent whose token is printed.
const AGENT: &str = "Alba Ferreira";
const AGENT_ADDRESS: &str = "alba.ferreira";

/// Her password: for a demo, where nothing is to be kept from anybody.
const PASSWORD: &str = "correct-lift-between-floors";

/// An item of the estate.
type Item = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

/// The estate: name, type, and what it has to do with others named before it.
const ESTATE: &[Item] = &[
    ("core-switch-1", "network_device", &[]),
    ("host-17", "server", &[("connects_to", "core-switch-1")]),
    ("vm-mail-1", "virtual_machine", &[("runs_on", "host-17")]),
    ("mail-database", "database", &[("runs_on", "vm-mail-1")]),
    ("mail-server", "application", &[("runs_on", "vm-mail-1"), ("depends_on", "mail-database")]),
    ("E-mail", "service", &[("contains", "mail-server")]),
];

/// The incidents: what went wrong, for whom, impact, urgency, group, agent, the item concerned, and how far the work is.
type Story = (
    &'static str,
    &'static str,
    u8,
    u8,
    &'static str,
    Option<&'static str>,
    Option<&'static str>,
    &'static [&'static str],
);

const INCIDENTS: &[Story] = &[
    (
        "No e-mail since this morning",
        "Chiara Rossi",
        1,
        1,
        "Applications",
        Some("Priya Raman"),
        Some("mail-server"),
        &["start"],
    ),
    (
        "Wireless drops in meeting room 4",
        "Olaf Lindqvist",
        3,
        2,
        "Network",
        Some("Mina Okafor"),
        Some("core-switch-1"),
        &["start", "hold"],
    ),
    ("Cannot print from the new laptop", "Chiara Rossi", 3, 3, "Service Desk", None, None, &[]),
    (
        "Calendar shows meetings an hour late",
        "Olaf Lindqvist",
        2,
        2,
        "Applications",
        Some("Tomás Vidal"),
        None,
        &["start", "resolve"],
    ),
];

/// Loads the demo tenant and prints how to talk to it.
pub async fn run(settings: &Settings) -> Result<(), Fault> {
    let api = Api::new(&settings.cli.command_url, &settings.cli.query_url, "");
    let tenant = tenant::open(&api, settings, SLUG, "Demo organisation").await?;
    let known = tenant::remembered_demo(settings)?.filter(|demo| demo.tenant == tenant);
    let plan = tenant::subscribe(&api, settings, tenant).await?;
    let token = tenant::token(settings, tenant, tenant::operator(tenant), &[Role::Admin])?;
    let seeding = Seeding { api: api.acting_as(&token) };

    println!("tenant {tenant} ({SLUG}, plan {plan})");
    let people = seeding.people(&known.map(|demo| demo.people).unwrap_or_default()).await?;
    let names = people.iter().map(|(name, id)| ((*name).to_owned(), *id)).collect();
    tenant::remember_demo(settings, &Demo { tenant, people: names })?;
    let groups = seeding.groups(&people).await?;
    seeding.teams(&people).await?;
    let admin = tenant::token(settings, tenant, people[ADMIN], &[Role::Admin])?;
    seeding.roles(&people, &groups, &Seeding { api: api.acting_as(&admin) }).await?;
    let estate = seeding.estate(&people).await?;
    seeding.incidents(&people, &groups, &estate).await?;

    let email = format!("{AGENT_ADDRESS}@demo.example");
    if let Err(reason) = sign_in::give_password(settings, tenant, &email, PASSWORD).await {
        eprintln!("{AGENT} has no password yet ({reason}): run this once more when sign-in is ready");
    }
    let agent = tenant::token(settings, tenant, people[AGENT], &[Role::Agent])?;
    greet(settings, &agent, people["Chiara Rossi"], &email);
    Ok(())
}

/// What was made, now or in an earlier run.
struct One {
    id: Uuid,
    number: String,
    /// An earlier run made it, more than a day ago.
    found: bool,
}

/// Loading under way.
struct Seeding {
    api: Api,
}

impl Seeding {
    async fn give(&self, path: String, body: Json, key: &str) -> Result<Receipt, Failure> {
        self.api
            .give_when_known(&Command { path, body, key: format!("seed/{}", key.replace(' ', "_")), occurred_at: None })
            .await
    }

    /// Gives a command that an earlier run may have given: a key is forgotten after a day, and then the rules say no.
    async fn give_again(&self, path: String, body: Json, key: &str) -> Result<(), Fault> {
        match self.give(path.clone(), body, key).await {
            Ok(_) => Ok(()),
            Err(Failure::Refused(no)) if no.code == "INVALID_TRANSITION" => Ok(()),
            Err(failure) => Err(Fault::Api { doing: format!("loading {path}"), failure }),
        }
    }

    /// The one with that name, made if there is none. `find` is the filter that finds it again.
    async fn one(&self, path: &str, name: &str, body: Json, find: Option<String>) -> Result<One, Fault> {
        let doing = || format!("loading {name} ({path})");
        match self.give(path.to_owned(), body, &format!("{path}/{}", ascii(name))).await {
            Ok(receipt) => Ok(One { id: receipt.id, number: receipt.number.unwrap_or_default(), found: false }),
            Err(Failure::Refused(no)) if no.code == "NOT_UNIQUE" && find.is_some() => {
                let query = format!("{path}?{}", find.unwrap_or_default());
                let found =
                    self.api.read(&query, None).await.map_err(|failure| Fault::Api { doing: doing(), failure })?;
                let item = &found["items"][0];
                match item["id"].as_str().and_then(|id| id.parse().ok()) {
                    Some(id) => {
                        let number = item["number"].as_str().unwrap_or_default().to_owned();
                        Ok(One { id, number, found: true })
                    }
                    None => Err(Fault::asked(format!("{}: it exists, but no list has it", doing()))),
                }
            }
            Err(failure) => Err(Fault::Api { doing: doing(), failure }),
        }
    }

    async fn people(&self, known: &BTreeMap<String, Uuid>) -> Result<HashMap<&'static str, Uuid>, Fault> {
        let mut people = HashMap::new();
        for (name, address, _) in PEOPLE {
            let body = json!({ "name": name, "email": format!("{address}@demo.example") });
            let id = match known.get(*name) {
                Some(id) => *id,
                None => self.one("users", name, body, None).await?.id,
            };
            println!("  user     {id}  {name}");
            people.insert(*name, id);
        }
        Ok(people)
    }

    /// The roles: the first admin is named by whoever sets it up, all others by the admin.
    async fn roles(
        &self,
        people: &HashMap<&str, Uuid>,
        groups: &HashMap<&str, Uuid>,
        admin: &Seeding,
    ) -> Result<(), Fault> {
        let role = |name: &str| {
            let found = built_in::named(name).map(|role| role.id);
            json!({ "role": found })
        };
        let (of_groups, of_others, of_admin) = ROLES;
        let assign = |person: &str| format!("users/{}/assign_role", people[person]);
        match self.give(assign(ADMIN), role(of_admin), "first-admin").await {
            Ok(_) => {}
            // An earlier run has named one, more than a day ago.
            Err(Failure::Refused(no)) if no.code == "NOT_GRANTABLE" => {}
            Err(failure) => return Err(Fault::Api { doing: "naming the first admin".to_owned(), failure }),
        }
        for (name, group) in groups {
            let key = format!("role/{}", ascii(name));
            admin.give_again(format!("groups/{group}/add_role"), role(of_groups), &key).await?;
        }
        for (person, ..) in PEOPLE.iter().filter(|(_, _, groups)| groups.is_empty()) {
            admin.give_again(assign(person), role(of_others), &format!("role/{}", ascii(person))).await?;
        }
        Ok(())
    }

    async fn groups(&self, people: &HashMap<&str, Uuid>) -> Result<HashMap<&'static str, Uuid>, Fault> {
        let mut groups = HashMap::new();
        for name in GROUPS {
            let find = format!("name={}", name.replace(' ', "%20"));
            let id = self.one("groups", name, json!({ "name": name }), Some(find)).await?.id;
            for (person, _, _) in PEOPLE.iter().filter(|(_, _, of)| of.contains(name)) {
                let key = format!("member/{name}/{}", ascii(person));
                self.give_again(format!("groups/{id}/add_member"), json!({ "user": people[person] }), &key).await?;
            }
            println!("  group    {id}  {name}");
            groups.insert(*name, id);
        }
        Ok(groups)
    }

    async fn teams(&self, people: &HashMap<&str, Uuid>) -> Result<(), Fault> {
        let mut domains: HashMap<&str, Uuid> = HashMap::new();
        for (code, name) in DOMAINS {
            let body = json!({ "code": code, "name": name });
            let id = self.one("domains", name, body, Some(format!("code={code}"))).await?.id;
            println!("  domain   {id}  {name}");
            domains.insert(*code, id);
        }
        for (name, domain, members) in TEAMS {
            let find = format!("name={}", name.replace(' ', "%20"));
            let body = json!({ "name": name, "domain": domains[domain] });
            let id = self.one("teams", name, body, Some(find)).await?.id;
            for (place, person) in members.iter().enumerate() {
                let user = json!({ "user": people[person] });
                let key = format!("team/{name}/{}", ascii(person));
                self.give_again(format!("teams/{id}/add_member"), user.clone(), &key).await?;
                if place == 0 {
                    self.give_again(format!("teams/{id}/set_lead"), user, &format!("{key}/lead")).await?;
                }
            }
            println!("  team     {id}  {name}");
        }
        Ok(())
    }

    async fn estate(&self, people: &HashMap<&str, Uuid>) -> Result<HashMap<&'static str, Uuid>, Fault> {
        let mut estate: HashMap<&str, Uuid> = HashMap::new();
        for (name, ci_type, relations) in ESTATE {
            let body = json!({
                "name": name, "ci_type": ci_type, "environment": "production", "owner": people["Jonas Weber"], "attributes": {},
            });
            let One { id, number, .. } =
                self.one("cmdb/cis", name, body, Some(format!("name={name}&environment=production"))).await?;
            self.give_again(format!("cmdb/cis/{id}/activate"), json!({}), &format!("activate/{name}")).await?;
            for (relation, target) in *relations {
                let body = json!({ "target": estate[target], "type": relation });
                let key = format!("relation/{name}/{relation}/{target}");
                self.give_again(format!("cmdb/cis/{id}/add_relationship"), body, &key).await?;
            }
            println!("  ci       {id}  {number} {name}");
            estate.insert(*name, id);
        }
        Ok(estate)
    }

    async fn incidents(
        &self,
        people: &HashMap<&str, Uuid>,
        groups: &HashMap<&str, Uuid>,
        estate: &HashMap<&str, Uuid>,
    ) -> Result<(), Fault> {
        for (place, (title, caller, impact, urgency, group, agent, ci, work)) in INCIDENTS.iter().enumerate() {
            // Its place as external number finds it again when its key is forgotten.
            let external = format!("DEMO-{}", place + 1);
            let body = json!({
                "short_description": title, "caller": people[caller], "channel": "portal", "impact": impact, "urgency": urgency,
                "cis": ci.map(|ci| estate[ci]).into_iter().collect::<Vec<_>>(), "external_number": external,
            });
            let find = Some(format!("external_number={external}"));
            let One { id, number, found } = self.one("incidents", &external, body, find).await?;
            let mut assignment = json!({ "group": groups[group] });
            if let Some(agent) = agent {
                assignment["assignee"] = json!(people[agent]);
            }
            println!("  incident {id}  {number} {title}");
            // Somebody may have worked with the demo since.
            if found {
                continue;
            }
            let steps =
                std::iter::once(("assign", assignment)).chain(work.iter().map(|command| (*command, body_of(command))));
            for (command, body) in steps {
                self.give_again(format!("incidents/{id}/{command}"), body, &format!("{external}/{command}")).await?;
            }
        }
        Ok(())
    }
}

fn body_of(command: &str) -> Json {
    match command {
        "hold" => json!({ "reason": "caller" }),
        "resolve" => {
            json!({ "resolution_code": "fixed", "resolution_notes": "The time zone of the calendar was set right." })
        }
        _ => json!({}),
    }
}

/// A name as a key can hold it.
fn ascii(name: &str) -> String {
    name.chars().filter(char::is_ascii).collect()
}

/// Prints a login, a token and three calls to copy: report, read back what was just written, search.
fn greet(settings: &Settings, token: &str, caller: Uuid, email: &str) {
    let (commands, queries, sign_in) = (&settings.cli.command_url, &settings.cli.query_url, &settings.cli.sign_in_url);
    println!(
        r#"
Sign in as {AGENT}, an agent; her access token is good for 15 minutes, mails lie in {mails}:

curl -s {sign_in}/api/v1/auth/login -H 'Content-Type: application/json' -d '{{"organization":"{SLUG}","email":"{email}","password":"{PASSWORD}"}}'; echo

An agent's token (hers too, of the development issuer), good for a day:

export TOKEN={token}

Report an incident, read it back (the position makes the reader wait until it is there), and search for it:

curl -s -D /tmp/daybook-answer {commands}/api/v1/incidents -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d '{{"short_description":"The lift is stuck","caller":"{caller}","channel":"phone","impact":2,"urgency":1,"cis":[]}}'; echo

curl -s "{queries}$(sed -n 's/^location: \([^\r]*\).*/\1/ip' /tmp/daybook-answer)" -H "Authorization: Bearer $TOKEN" -H "$(grep -i ^daybook-position: /tmp/daybook-answer | tr -d '\r')"; echo

curl -s "{queries}/api/v1/search?q=lift" -H "Authorization: Bearer $TOKEN" -H "$(grep -i ^daybook-position: /tmp/daybook-answer | tr -d '\r')"; echo
"#,
        mails = settings.cli.mail_folder.display()
    );
}
