//! Wrong configurations: each error names the place, the key, the reason and the remedy.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper of a test fails the test")]

use copilotkit_cli::config::{Config, Sources};
use std::fmt::Write as _;
use std::sync::Arc;

const CASES: &[(&str, &str)] = &[
    ("an unknown key", "[server]\nprot = 1"),
    ("an unknown section", "[servers]\nport = 1"),
    ("a text for a number", "[server]\nport = \"x\""),
    ("a number for a text", "[server]\nhost = 1"),
    ("a number out of range", "[server]\nhost = \"::1\"\nport = 99999"),
    ("a path without a slash", "[server]\nbase_path = \"copilotkit\""),
    ("no path", "[server]\nbase_path = []"),
    ("an unknown mode", "[server]\nmode = \"graphql\""),
    ("every origin with credentials", "[server]\ncors_origins = [\"*\"]"),
    (
        "every origin beside another",
        "[server]\nallow_credentials = false\ncors_origins = [\"*\", \"https://a.example\"]",
    ),
    ("something that is no origin", "[server]\ncors_origins = [\"a.example\"]"),
    ("an origin with a path", "[server]\ncors_origins = [\"https://a.example/app\"]"),
    ("a host with a port", "[server]\nallowed_hosts = [\"a.example:80\"]"),
    ("a store that is not there", "[store]\nkind = \"postgres\""),
    ("a store without a file", "[store]\npath = \"\""),
    ("a name by nobody", "[threads]\ngenerate_names = \"somebody\""),
    (
        "a name by an agent without a model",
        "[threads]\ngenerate_names = \"a\"\n[agents.a]\ntype = \"ag-ui\"\nurl = \"http://127.0.0.1:1\"",
    ),
    (
        "a name where no agent has a model",
        "[threads]\ngenerate_names = \"model\"\n[agents.a]\ntype = \"ag-ui\"\nurl = \"http://127.0.0.1:1\"",
    ),
    ("an age without a unit", "[threads]\nmax_age = \"30\""),
    ("a size that is none", "[threads]\nmax_bytes = \"much\""),
    ("a duration without a unit", "[limits]\nrun_max = \"60\""),
    ("a size in parsecs", "[limits]\nbody_max = \"3 parsecs\""),
    ("a delay beyond the end", "[limits]\ndrain_delay = \"30s\""),
    ("a depth that no reader takes", "[limits]\njson_depth = 129"),
    ("no depth at all", "[limits]\njson_depth = 0"),
    ("an event that no client takes", "[limits]\nevent_max = \"11MiB\""),
    ("an unknown key of debug", "[debug]\nfeeds = true"),
    ("a user interface of no server", "[mcp_apps]\nservers = [\"clock\"]"),
    (
        "a user interface for no agent",
        "[mcp.clock]\nurl = \"http://x/\"\n[mcp_apps]\nservers = [{ name = \"clock\", agent = \"defualt\" }]",
    ),
    (
        "a user interface that is named twice",
        "[mcp.clock]\nurl = \"http://x/\"\n[mcp_apps]\nservers = [\"clock\", { name = \"clock\" }]",
    ),
    ("a server of user interfaces that is a number", "[mcp_apps]\nservers = [1]"),
    ("an agent that is no table", "[agents]\ndefault = 1"),
    ("an agent without a type", "[agents.a]\nmodel = \"demo\""),
    ("an agent of an unknown type", "[agents.a]\ntype = \"gpt\""),
    ("surfaces of an agent that is not there", "[a2ui]\nagents = [\"defalt\"]"),
    ("a tool whose name is none", "[a2ui]\ninject_tool = \"draw it\""),
    ("tries without end", "[a2ui.recovery]\nmax_attempts = 99"),
    ("components that are nowhere", "[a2ui]\nschema = \"no-such-file.json\""),
    ("components that are none", "[a2ui]\nschema = [1]"),
    ("an exposure that is none", "[a2ui.recovery]\ndebug_exposure = \"loud\""),
    ("pages of an agent that is not there", "[open_generative_ui]\nagents = [\"x\"]"),
    ("an A2A agent that is nowhere", "[agents.a]\ntype = \"a2a\"\nurl = \"agent\""),
    ("a credential that is empty", "[agents.a]\ntype = \"a2a\"\nurl = \"http://x/\"\ncredentials = { key = \"\" }"),
    (
        "an allowed origin with a path",
        "[agents.a]\ntype = \"a2a\"\nurl = \"http://x/\"\nallowed_origins = [\"https://y/z\"]",
    ),
    (
        "an orchestrator of nobody",
        "[agents.a]\ntype = \"a2a-orchestrator\"\norchestrator = \"b\"\nagents = [{ url = \"http://x/\" }]",
    ),
    ("an orchestrator that asks nobody", "[agents.a]\ntype = \"a2a-orchestrator\"\norchestrator = \"b\"\nagents = []"),
    (
        "an orchestrator of itself",
        "[agents.a]\ntype = \"a2a-orchestrator\"\norchestrator = \"a\"\nagents = [{ url = \"http://x/\" }]",
    ),
    ("an unknown key of an agent", "[agents.a]\ntype = \"built-in\"\nmodel = \"demo\"\ntemprature = 1"),
    ("an agent without a model", "[agents.a]\ntype = \"built-in\""),
    ("an agent with no model in its list", "[agents.a]\ntype = \"built-in\"\nmodel = []"),
    ("a model without a provider", "[agents.a]\ntype = \"built-in\"\nmodel = \"gpt-5\""),
    ("an unknown provider", "[agents.a]\ntype = \"built-in\"\nmodel = \"acme/x\""),
    ("a base URL that is none", "[agents.a]\ntype = \"built-in\"\nmodel = \"custom/x\"\nbase_url = \"::\""),
    (
        "one address for two providers",
        "[agents.a]\ntype = \"built-in\"\nmodel = [\"openai/x\", \"groq/y\"]\nbase_url = \"http://x/v1\"",
    ),
    ("two keys", "[agents.a]\ntype = \"built-in\"\nmodel = \"openai/x\"\napi_key = \"k\"\napi_key_env = \"SET\""),
    ("a key that is not set", "[agents.a]\ntype = \"built-in\"\nmodel = \"openai/x\"\napi_key_env = \"NOPE\""),
    ("no steps", "[agents.a]\ntype = \"built-in\"\nmodel = \"demo\"\nmax_steps = 0"),
    (
        "a tool without an address",
        "[agents.a]\ntype = \"built-in\"\nmodel = \"demo\"\n[[agents.a.tools]]\nname = \"t\"",
    ),
    (
        "a tool with parameters that are no schema",
        "[agents.a]\ntype = \"built-in\"\nmodel = \"demo\"\n[[agents.a.tools]]\nname = \"t\"\nurl = \"http://x\"\nparameters = 1",
    ),
    (
        "a tool of a list with an address that is none",
        "[agents.a]\ntype = \"built-in\"\nmodel = \"demo\"\n\n[[agents.a.tools]]\nname = \"t\"\nurl = \"http://x\"\n\n[[agents.a.tools]]\nname = \"u\"\nurl = \"x\"",
    ),
    (
        "a tool with a schema that is none",
        "[agents.a]\ntype = \"built-in\"\nmodel = \"demo\"\n[[agents.a.tools]]\nname = \"t\"\nurl = \"http://x\"\nparameters = { type = \"object\", properties = { a = { type = \"text\" } } }",
    ),
    (
        "a tool whose arguments are a list",
        "[agents.a]\ntype = \"built-in\"\nmodel = \"demo\"\n[[agents.a.tools]]\nname = \"t\"\nurl = \"http://x\"\nparameters = { type = \"array\" }",
    ),
    (
        "a tool with a name that models refuse",
        "[agents.a]\ntype = \"built-in\"\nmodel = \"demo\"\n[[agents.a.tools]]\nname = \"look up\"\nurl = \"http://x\"",
    ),
    (
        "a tool that every agent has",
        "[agents.a]\ntype = \"built-in\"\nmodel = \"demo\"\n[[agents.a.tools]]\nname = \"AGUISendStateDelta\"\nurl = \"http://x\"",
    ),
    (
        "two tools of one name",
        "[agents.a]\ntype = \"built-in\"\nmodel = \"demo\"\n[[agents.a.tools]]\nname = \"t\"\nurl = \"http://x\"\n[[agents.a.tools]]\nname = \"t\"\nurl = \"http://y\"",
    ),
    (
        "leave for a tool that is not there",
        "[agents.a]\ntype = \"built-in\"\nmodel = \"demo\"\napproval = [\"lookup_ordr\"]\n[[agents.a.tools]]\nname = \"lookup_order\"\nurl = \"http://x\"",
    ),
    ("leave that is neither", "[agents.a]\ntype = \"built-in\"\nmodel = \"demo\"\napproval = \"sometimes\""),
    ("an override that is none", "[agents.a]\ntype = \"built-in\"\nmodel = \"demo\"\noverridable = [\"temprature\"]"),
    ("no window", "[agents.a]\ntype = \"built-in\"\nmodel = \"demo\"\ncontext_window = 0"),
    (
        "capabilities that AG-UI does not know",
        "[agents.a]\ntype = \"built-in\"\nmodel = \"demo\"\ncapabilities = { tools = { suported = true } }",
    ),
    ("a choice that is none", "[agents.a]\ntype = \"built-in\"\nmodel = \"demo\"\ntool_choice = { type = \"tool\" }"),
    ("a server without an address", "[mcp.a]\nprefix = \"x\""),
    ("a server that is no table", "[mcp]\na = \"http://x/\""),
    ("an unknown key of a server", "[mcp.a]\nurl = \"http://x/\"\nheader = {}"),
    ("an unknown transport", "[mcp.a]\ntransport = \"grpc\"\nurl = \"http://x/\""),
    ("a transport without its address", "[mcp.a]\ntransport = \"sse\"\ncommand = [\"x\"]"),
    ("a server at an address that is none", "[mcp.a]\nurl = \"files\""),
    ("an address with a password", "[mcp.a]\nurl = \"http://user:pass@x/\""),
    ("a program with headers", "[mcp.a]\ncommand = [\"x\"]\nheaders = { a = \"b\" }"),
    ("an address with a program", "[mcp.a]\nurl = \"http://x/\"\ncommand = [\"x\"]"),
    ("no program", "[mcp.a]\ntransport = \"stdio\"\ncommand = [\"\"]"),
    ("a header to forward that is none", "[mcp.a]\nurl = \"http://x/\"\nforward_headers = [\"a b\"]"),
    ("a tool in both lists", "[mcp.a]\nurl = \"http://x/\"\ninclude_tools = [\"t\"]\nexclude_tools = [\"t\"]"),
    ("a login without an id", "[mcp.a]\nurl = \"http://x/\"\noauth = { grant = \"client-credentials\" }"),
    ("an unknown way to log in", "[mcp.a]\nurl = \"http://x/\"\noauth = { grant = \"password\" }"),
    (
        "a server that is not there",
        "[mcp.files]\nurl = \"http://x/\"\n[agents.a]\ntype = \"built-in\"\nmodel = \"demo\"\nmcp = [\"flies\"]",
    ),
    ("a server where there is none", "[agents.a]\ntype = \"built-in\"\nmodel = \"demo\"\nmcp = [\"files\"]"),
    (
        "a server named twice",
        "[mcp.a]\nurl = \"http://x/\"\n[agents.a]\ntype = \"built-in\"\nmodel = \"demo\"\nmcp = [\"a\", \"a\"]",
    ),
    (
        "an origin of servers that is none",
        "[agents.a]\ntype = \"built-in\"\nmodel = \"demo\"\nmcp_origins = [\"mcp.example.com\"]",
    ),
    ("a remote agent without an address", "[agents.a]\ntype = \"ag-ui\""),
    ("a remote agent at an address that is none", "[agents.a]\ntype = \"ag-ui\"\nurl = \"localhost:9000\""),
    ("a header that is none", "[agents.a]\ntype = \"ag-ui\"\nurl = \"http://x\"\nheaders = { \"a b\" = \"c\" }"),
    (
        "a header's value with a line end",
        "[agents.a]\ntype = \"ag-ui\"\nurl = \"http://x\"\nheaders = { a = \"c\\nd\" }",
    ),
    ("a variable that is not set", "[agents.a]\ntype = \"ag-ui\"\nurl = \"http://x\"\nheaders = { k = \"${NOPE}\" }"),
    ("a variable that is not closed", "[agents.a]\ntype = \"ag-ui\"\nurl = \"http://${SET\""),
    ("tokens without their kind", "[auth]\ntokens = [{ env = \"SET\", principal = \"a\" }]"),
    ("keys without their kind", "[auth]\nkind = \"bearer\"\njwks_url = \"https://id.example/jwks\""),
    (
        "tokens of another kind",
        "[auth]\nkind = \"jwt\"\nsecret_env = \"SET\"\ntokens = [{ env = \"SET\", principal = \"a\" }]",
    ),
    ("an unknown kind of authentication", "[auth]\nkind = \"basic\""),
    ("no tokens", "[auth]\nkind = \"bearer\""),
    ("a token that is not set", "[auth]\nkind = \"bearer\"\ntokens = [{ env = \"NOPE\", principal = \"a\" }]"),
    ("a token that is empty", "[auth]\nkind = \"bearer\"\ntokens = [{ env = \"EMPTY\", principal = \"a\" }]"),
    ("a token without a variable", "[auth]\nkind = \"bearer\"\ntokens = [{ env = \"\", principal = \"a\" }]"),
    ("a token with a line end", "[auth]\nkind = \"bearer\"\ntokens = [{ env = \"LINES\", principal = \"a\" }]"),
    (
        "one token twice",
        "[auth]\nkind = \"bearer\"\ntokens = [{ env = \"SET\", principal = \"a\" }, { env = \"SAME\", principal = \"b\" }]",
    ),
    ("a token of nobody", "[auth]\nkind = \"bearer\"\ntokens = [{ env = \"SET\", principal = \" \" }]"),
    ("a token without its principal", "[auth]\nkind = \"bearer\"\ntokens = [{ env = \"SET\" }]"),
    ("a token in the file", "[auth]\nkind = \"bearer\"\ntokens = [{ token = \"t\", principal = \"a\" }]"),
    (
        "scopes in one text",
        "[auth]\nkind = \"bearer\"\ntokens = [{ env = \"SET\", principal = \"a\", scopes = [\"debug threads:admin\"] }]",
    ),
    ("no keys", "[auth]\nkind = \"jwt\""),
    ("keys and a secret", "[auth]\nkind = \"jwt\"\njwks_url = \"https://id.example/jwks\"\nsecret_env = \"SET\""),
    ("an address of keys that is none", "[auth]\nkind = \"jwt\"\njwks_url = \"id.example/jwks\""),
    ("a file of keys that is not there", "[auth]\nkind = \"jwt\"\njwks_file = \"/nowhere/jwks.json\""),
    ("a file of keys that is none", "[auth]\nkind = \"jwt\"\njwks_file = \"Cargo.toml\""),
    ("a secret that is not set", "[auth]\nkind = \"jwt\"\nsecret_env = \"NOPE\""),
    (
        "a secret for public keys",
        "[auth]\nkind = \"jwt\"\njwks_url = \"https://id.example/\"\nalgorithms = [\"RS256\", \"HS256\"]",
    ),
    ("public keys for a secret", "[auth]\nkind = \"jwt\"\nsecret_env = \"SET\"\nalgorithms = [\"RS256\"]"),
    (
        "tokens that nobody signed",
        "[auth]\nkind = \"jwt\"\njwks_url = \"https://id.example/\"\nalgorithms = [\"none\"]",
    ),
    ("an unknown algorithm", "[auth]\nkind = \"jwt\"\njwks_url = \"https://id.example/\"\nalgorithms = [\"RSA\"]"),
    ("no claim", "[auth]\nkind = \"jwt\"\nsecret_env = \"SET\"\nprincipal_claim = \"\""),
    ("too much leeway", "[auth]\nkind = \"jwt\"\nsecret_env = \"SET\"\nleeway = \"1h\""),
    ("a recording for OpenAI without a key", "[transcription]"),
    ("a recording for nobody", "[transcription]\nbase_url = \"localhost:9000/v1\""),
    ("two keys of a service", "[transcription]\napi_key = \"k\"\napi_key_env = \"SET\""),
    ("a service's key that is not set", "[transcription]\napi_key_env = \"NOPE\""),
    ("an unknown key of a service", "[transcription]\nurl = \"http://x\""),
    ("an A2A path that is none", "[a2a_server]\npath = \"a2a\""),
    ("an A2A path in a base path", "[a2a_server]\npath = \"/copilotkit/a2a\""),
    ("an A2A address that is none", "[a2a_server]\nurl = \"agents.example.com\""),
    ("an A2A agent that is not there", "[a2a_server]\nagents = [\"defualt\"]"),
    ("a card of nobody", "[a2a_server.cards.other]\nname = \"Other\""),
    ("two skills of one name", "[a2a_server.cards.default]\nskills = [{ id = \"plan\" }, { id = \"plan\" }]"),
    ("an unknown key of a card", "[a2a_server.cards.default]\nnaem = \"x\""),
    ("a page at a place that is none", "[playground]\nenabled = \"everywhere\""),
    ("a truth in quotes", "[server]\nallow_credentials = \"yes\""),
    ("a list in the place of a text", "[store]\npath = [\"a\"]"),
    ("a number below zero", "[threads]\nmax_threads = -1"),
    ("a size below zero", "[limits]\nrun_bytes = -5"),
    ("a policy that is none", "[server]\non_busy = \"wait\""),
    ("another policy that is none", "[server]\non_disconnect = \"stop\""),
    ("a mode in capitals", "[server]\nmode = \"Multi\""),
    ("an agent without an id", "[agents.\"\"]\ntype = \"built-in\"\nmodel = \"demo\""),
    ("a type that is no text", "[agents.a]\ntype = 1"),
    ("a model that is no text", "[agents.a]\ntype = \"built-in\"\nmodel = 5"),
    ("a temperature in quotes", "[agents.a]\ntype = \"built-in\"\nmodel = \"demo\"\ntemperature = \"hot\""),
    ("a dialect that is none", "[agents.a]\ntype = \"built-in\"\nmodel = \"openai/x\"\napi = \"graphql\""),
    ("a model of a provider without a name", "[agents.a]\ntype = \"built-in\"\nmodel = \"openai/\""),
    ("a service without an address", "[agents.a]\ntype = \"built-in\"\nmodel = \"custom/x\""),
    (
        "a tool without a name",
        "[agents.a]\ntype = \"built-in\"\nmodel = \"demo\"\n[[agents.a.tools]]\nurl = \"http://x\"",
    ),
    (
        "a tool at an address that is none",
        "[agents.a]\ntype = \"built-in\"\nmodel = \"demo\"\n[[agents.a.tools]]\nname = \"t\"\nurl = \"/orders\"",
    ),
    (
        "a tool with a time that is none",
        "[agents.a]\ntype = \"built-in\"\nmodel = \"demo\"\n[[agents.a.tools]]\nname = \"t\"\nurl = \"http://x\"\ntimeout = 3",
    ),
    ("headers that are no table", "[agents.a]\ntype = \"ag-ui\"\nurl = \"http://x\"\nheaders = [\"a\"]"),
    ("a word for headers", "[agents.a]\ntype = \"ag-ui\"\nurl = \"http://x\"\nforward_headers = \"all\""),
    ("a passage that is none", "[agents.a]\ntype = \"ag-ui\"\nurl = \"http://x\"\npassthrough = \"all\""),
    ("a key of another type of agent", "[agents.a]\ntype = \"ag-ui\"\nurl = \"http://x\"\nmodel = \"demo\""),
    ("a file at a scheme that is none", "[agents.a]\ntype = \"ag-ui\"\nurl = \"ftp://x/\""),
    ("a section that is no table", "server = 1"),
    ("no connections", "[limits]\nconnections = 0"),
    ("no runs", "[limits]\nruns = 0"),
    ("no runs of anybody", "[limits]\nruns_per_principal = 0"),
    ("no requests", "[limits]\nrequests_per_minute = 0"),
    ("no body", "[limits]\nbody_max = 0"),
    ("no body, with a unit", "[limits]\nbody_max = \"0MiB\""),
    ("no events", "[limits]\nevent_max = 0"),
    ("no time for a run", "[limits]\nrun_max = \"0s\""),
    ("no ids", "[limits]\nid_max = 0"),
    ("no thread is kept", "[threads]\nmax_age = \"0s\""),
    ("no money", "[budgets]\ncost_per_day = 0.0"),
    ("no time for a server of tools", "[mcp.a]\nurl = \"http://x/\"\nconnect_timeout = \"0s\""),
    (
        "no time for a tool",
        "[agents.a]\ntype = \"built-in\"\nmodel = \"demo\"\n\n[[agents.a.tools]]\nname = \"t\"\nurl = \"http://x\"\ntimeout = \"0s\"",
    ),
    (
        "no rounds",
        "[agents.b]\ntype = \"built-in\"\nmodel = \"demo\"\n[agents.a]\ntype = \"a2a-orchestrator\"\norchestrator = \"b\"\nagents = [{ url = \"http://x/\" }]\nmax_rounds = 0",
    ),
    ("a fever", "[agents.a]\ntype = \"built-in\"\nmodel = \"demo\"\ntemperature = 7"),
    ("more than all", "[agents.a]\ntype = \"built-in\"\nmodel = \"demo\"\ntop_p = 1.5"),
    ("tries without bound", "[agents.a]\ntype = \"built-in\"\nmodel = \"demo\"\nmax_retries = 99"),
    ("origins by a pattern", "[server]\ncors_origins = [\"https://*.example.com\"]"),
    ("an origin in capitals", "[server]\ncors_origins = [\"https://App.example.com\"]"),
    ("an origin with the port of its scheme", "[server]\ncors_origins = [\"https://app.example.com:443\"]"),
    ("a path of the server's own", "[server]\nbase_path = \"/health/\""),
    ("an A2A path of the server's own", "[a2a_server]\npath = \"/metrics\""),
    ("a file with the kind of its store", "[store]\npath = \"sqlite:threads.db\""),
    ("a collector of traces alone", "[telemetry]\notlp_endpoint = \"http://127.0.0.1:4318/v1/traces\""),
    (
        "a scope that is misspelled",
        "[auth]\nkind = \"bearer\"\ntokens = [{ env = \"SET\", principal = \"a\", scopes = [\"debgu\"] }]",
    ),
    (
        "a scope that nothing has",
        "[auth]\nkind = \"bearer\"\ntokens = [{ env = \"SET\", principal = \"a\", scopes = [\"write\"] }]",
    ),
    ("a variable for a number", "[server]\nport = \"${SET}\""),
    ("a variable for a truth", "[debug]\nfeed = \"${SET}\""),
    (
        "a variable for a number that no variable sets",
        "[agents.my-agent]\ntype = \"built-in\"\nmodel = \"demo\"\nmax_steps = \"${SET}\"",
    ),
    ("a duration as a number", "[server]\nkeep_alive = 15"),
    ("a size as a fraction", "[limits]\nbody_max = 1.5"),
    (
        "one tool in the place of a list",
        "[agents.a]\ntype = \"built-in\"\nmodel = \"demo\"\n[agents.a.tools]\nname = \"t\"",
    ),
    ("agents as a list", "[[agents]]\ntype = \"built-in\"\nmodel = \"demo\""),
    ("servers as a list", "[[mcp]]\nurl = \"http://x/\""),
    ("tokens as texts", "[auth]\nkind = \"bearer\"\ntokens = [\"abc\"]"),
    ("a store as a text", "store = \"sqlite\""),
    ("runs below zero", "[limits]\nruns = -1"),
    ("an address without quotes", "[server]\nhost = 0.0.0.0"),
    ("a word without quotes", "[server]\nhost = localhost"),
    ("a price without its parts", "[prices]\n\"openai/x\" = { output = 1.0 }"),
    ("a price of a model with a dot", "[server]\n\n[prices]\n\n\"openai/gpt-9.1\" = { output = 1.0 }"),
    ("a price below zero", "[server]\n\n[prices.\"openai/x\"]\ninput = -1.0\noutput = 1.0"),
    ("a key in camel case", "[agents.a]\ntype = \"built-in\"\nmodel = \"demo\"\nmaxSteps = 3"),
    ("a key of many in camel case", "[limits]\nbodyMax = 3"),
    ("an override that is no setting", "[agents.a]\ntype = \"built-in\"\nmodel = \"demo\"\noverridable = [\"prompt\"]"),
    ("a key twice", "[server]\nport = 1\nport = 2"),
    ("no TOML", "[server\nport = 1"),
    ("no value", "port ="),
];

fn load(file: Option<&str>, overrides: &[(&str, &str)]) -> Result<Config, String> {
    let environment = Arc::new(|name: &str| match name {
        "SET" | "SAME" => Some("value".to_owned()),
        "EMPTY" => Some(" ".to_owned()),
        "LINES" => Some("value\n".to_owned()),
        _ => None,
    });
    let file = file.map(|text| ("copilotkit.toml".into(), text.to_owned()));
    let overrides = overrides.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Config::load(Sources { file, overrides, flags: Vec::new(), environment }).map_err(|error| error.to_string())
}

#[test]
fn every_wrong_configuration_says_what_to_do() {
    let mut out = String::new();
    for (name, text) in CASES {
        let error = load(Some(text), &[]).expect_err(name);
        let (place, rest) = error.split_once(": ").unwrap();
        let line = place.strip_prefix("copilotkit.toml:").and_then(|line| line.parse::<usize>().ok());
        assert!(line.is_some_and(|line| line >= 1 && line <= text.lines().count()), "{name}: no line: {error}");
        let (reason, remedy) =
            rest.split_once("\n  to mend it: ").unwrap_or_else(|| panic!("{name}: no remedy: {error}"));
        assert!(!reason.trim().is_empty() && !remedy.trim().is_empty(), "{name}: {error}");
        writeln!(out, "{name}\n  {}\n", error.replace('\n', "\n  ")).unwrap();
    }
    let error = load(None, &[("COPILOTKIT_SERVER__PORT", "abc")]).unwrap_err();
    writeln!(out, "a variable of the environment\n  {error}").unwrap();
    insta::assert_snapshot!(out);
}

#[test]
fn variables_beat_the_file_and_are_expanded() {
    let file = "[server]\nport = 1\nhost = \"a-${SET}-$${SET}\"\n[agents.b]\ntype = \"built-in\"\nmodel = \"demo\"\n\
                [agents.a]\ntype = \"ag-ui\"\nurl = \"http://127.0.0.1:1/\"";
    let config = load(Some(file), &[("COPILOTKIT_SERVER__PORT", "2"), ("COPILOTKIT_SERVER__MODE", "multi")]).unwrap();
    assert_eq!((config.server.port, config.server.host.as_str()), (2, "a-value-${SET}"));
    let ids: Vec<_> = config.agents.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids, ["b", "a"], "the order of the file");
}
