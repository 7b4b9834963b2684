//! `copilotkit init`: a configuration file that explains itself.

use crate::args::InitArgs;
use crate::serve::USUAL_FILE;
use crate::terminal::strip;
use crate::wiring::{default_model, model_name};
use anyhow::{Context as _, Result, bail};
use copilotkit_adapters::Profile;
use copilotkit_adapters::spec::split;
use copilotkit_runtime::client::{Trust, check_url};
use std::io::{BufRead as _, ErrorKind, IsTerminal as _, Write as _};
use std::path::Path;

/// Writes the file.
///
/// # Errors
/// A file that is there already, a provider that is not known, a place that cannot be written to.
pub fn run(args: InitArgs) -> Result<()> {
    let path = &args.file;
    if path.exists() && !args.force {
        bail!("{} is there already: --force replaces it, another name stands behind init", path.display())
    }
    if let Some(url) = &args.base_url {
        check_url(url, Trust::Configured)
            .with_context(|| format!("--base-url {url}: write a whole address, like {EXAMPLE}"))?;
    }
    let model = match (&args.provider, &args.model) {
        (Some(provider), model) => model_of(provider, model.as_deref())?,
        (None, Some(model)) if model == "demo" || split(model).is_ok() => model.clone(),
        (None, Some(model)) => bail!("--model {model} needs a provider: add --provider NAME"),
        (None, None) if std::io::stdin().is_terminal() && std::io::stderr().is_terminal() => asked()?,
        (None, None) => "demo".to_owned(),
    };
    if model == "demo" && args.base_url.is_some() {
        bail!("--base-url needs a provider, the demo model has none: add --provider custom --model NAME")
    }
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let base_url = Address::of(&model, args.base_url.as_deref(), &is_set);
    let text = text(&model, base_url.as_ref());
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).with_context(|| format!("the folder {} cannot be made", folder.display()))?;
    }
    let mut options = std::fs::OpenOptions::new();
    // Who did not say --force must not lose a file that came in between.
    match args.force {
        true => options.write(true).create(true).truncate(true),
        false => options.write(true).create_new(true),
    };
    let written = options.open(path).and_then(|mut file| file.write_all(text.as_bytes()));
    match written {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!("{} is there already: --force replaces it", path.display())
        }
        written => written.with_context(|| format!("{} cannot be written", path.display()))?,
    }
    let (name, key) = (path.display(), key_of(&model));
    eprintln!("copilotkit: wrote {name} with the model {model}");
    if let Some(Address::Example(url)) = &base_url {
        eprintln!("  set base_url: in {name}; {url} is an example");
    }
    if let Some(key) = key {
        eprintln!("  set its key:  export {key}=…");
    }
    let named = if path == Path::new(USUAL_FILE) { String::new() } else { format!(" --config {name}") };
    eprintln!("  check it:     copilotkit check{named}");
    eprintln!("  start it:     copilotkit serve{named}");
    Ok(())
}

fn model_of(provider: &str, model: Option<&str>) -> Result<String> {
    let provider = provider.trim().to_lowercase();
    if provider == "demo" {
        return Ok(provider);
    }
    if Profile::named(&provider).is_none() {
        let known: Vec<_> = Profile::names().collect();
        bail!("there is no provider {}; there are: demo, {}", strip(&provider), known.join(", "))
    }
    match model.or_else(|| default_model(&provider)) {
        Some(model) => Ok(model_name(&provider, model)),
        None => bail!("--provider {provider} needs a model: add --model NAME, as the provider calls it"),
    }
}

/// How many characters of names go into a line.
const LINE: usize = 72;

/// Asks which provider, and which of its models.
fn asked() -> Result<String> {
    let known: Vec<_> = Profile::names().collect();
    eprintln!("Which provider? demo needs no key; there are also:");
    lines(&known).iter().for_each(|line| eprintln!("  {line}"));
    loop {
        let provider = ask("Provider [demo]: ")?;
        if provider.is_empty() {
            return Ok("demo".to_owned());
        }
        match model_of(&provider, Some("?")) {
            Ok(name) if name == "demo" => return Ok(name),
            Ok(_) => {
                let usual = model_of(&provider, None).ok();
                let usual = usual.as_deref().and_then(|name| name.split_once('/')).map(|(_, model)| model.to_owned());
                let hint = usual.as_ref().map(|model| format!(" [{model}]")).unwrap_or_default();
                let model = ask(&format!("Which model, as {provider} calls it?{hint} "))?;
                let model = if model.is_empty() { usual } else { Some(model) };
                if let Some(model) = model {
                    return model_of(&provider, Some(&model));
                }
            }
            Err(error) => eprintln!("{error}"),
        }
    }
}

/// Names with commas between them, in lines for a terminal. None begins with a comma.
fn lines(names: &[&str]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for name in names {
        match lines.last_mut().filter(|line| line.len() + name.len() + 3 <= LINE) {
            Some(line) => line.push_str(&format!(", {name}")),
            None => {
                if let Some(full) = lines.last_mut() {
                    full.push(',');
                }
                lines.push((*name).to_owned());
            }
        }
    }
    lines
}

fn ask(question: &str) -> Result<String> {
    eprint!("{question}");
    std::io::stderr().flush().context("the question cannot be shown")?;
    let mut answer = String::new();
    if std::io::stdin().lock().read_line(&mut answer).context("the answer cannot be read")? == 0 {
        bail!("nothing was written: say --provider NAME, or answer the question")
    }
    Ok(answer.trim().to_owned())
}

/// What is written where nobody said where a service is.
const EXAMPLE: &str = "http://127.0.0.1:8080/v1";
/// The same, of a service in a cloud.
const AZURE_EXAMPLE: &str = "https://RESOURCE.openai.azure.com/openai/v1?api-version=v1";

/// Where a model's provider is.
enum Address {
    /// As it was said.
    Given(String),
    /// An example, since the provider has no address that is the same for everybody.
    Example(&'static str),
}

impl Address {
    /// `is_set` tells whether a variable says it already, which the file would go before.
    fn of(model: &str, given: Option<&str>, is_set: &dyn Fn(&str) -> bool) -> Option<Self> {
        if let Some(url) = given {
            return Some(Self::Given(url.to_owned()));
        }
        // Others without an address of their own follow from variables: their region, or their project.
        match split(model).ok()?.0.as_str() {
            "custom" if !is_set("CUSTOM_BASE_URL") => Some(Self::Example(EXAMPLE)),
            "azure" if !is_set("AZURE_RESOURCE_NAME") && !is_set("AZURE_BASE_URL") => {
                Some(Self::Example(AZURE_EXAMPLE))
            }
            _ => None,
        }
    }

    fn line(&self) -> String {
        let (comment, url) = match self {
            Self::Given(url) => ("# Where the provider is.", url.as_str()),
            Self::Example(url) => ("# Where the provider is, up to and with the version: write yours here.", *url),
        };
        format!("{comment}\nbase_url = {}\n", toml::Value::String(url.to_owned()))
    }
}

/// The variable of the key that a model needs.
fn key_of(model: &str) -> Option<String> {
    let (provider, _) = split(model).ok()?;
    let profile = Profile::named(&provider)?;
    let needed = profile.base_url.starts_with("https://") || profile.name == "azure";
    (needed && !profile.api_key_env.is_empty()).then(|| profile.api_key_env.to_string())
}

/// The file. Every line that is commented out is a valid key at its default, or an example.
fn text(model: &str, base_url: Option<&Address>) -> String {
    let address = base_url.map(Address::line).unwrap_or_default();
    let key = match key_of(model) {
        Some(key) => {
            format!("# The key is read from {key}; api_key_env names another variable.\n# api_key_env = \"{key}\"\n")
        }
        // Whether a service of one's own wants a key is not known.
        None if split(model).is_ok_and(|(provider, _)| provider == "custom") => {
            "# A key, if it wants one, is read from CUSTOM_API_KEY; api_key_env names another variable.\n\
             # api_key_env = \"CUSTOM_API_KEY\"\n"
                .to_owned()
        }
        None => "# This model needs no key. For one that does, the key is read from its provider's variable, like\n\
                 # OPENAI_API_KEY; api_key_env names another one.\n"
            .to_owned(),
    };
    let model = toml::Value::String(model.to_owned());
    format!(
        r##"# Configuration of `copilotkit serve`. All keys: docs/configuration.md
#
# ${{NAME}} in a text is the value of the environment variable NAME. Every key can be set by a variable as well:
# COPILOTKIT_SERVER__PORT=9000 is [server] port. A flag beats a variable, a variable beats this file.
# `copilotkit check --config THIS_FILE` says whether all of it works.

[server]
# 0.0.0.0 for every interface: then say below, in [auth], who may use it.
# host = "127.0.0.1"
# port = 8000
# Where the routes begin.
# base_path = ["/copilotkit", "/api/copilotkit"]
# Whose pages may use the server. Empty: pages of this machine, on any port.
# cors_origins = ["https://app.example.com"]

[store]
# Threads survive a restart in "sqlite", not in "memory".
# kind = "sqlite"
# path = ".copilotkit/threads.db"

# The agent that pages use when they name none.
[agents.default]
type = "built-in"
# provider/model, or a list: the next one is tried when one fails before its first word.
model = {model}
{address}{key}prompt = "You are a helpful assistant."
# The most calls of the model in one run.
# max_steps = 10

# A tool that the server calls: it posts the arguments as JSON and gives the answer to the model.
# [[agents.default.tools]]
# name = "lookup_order"
# description = "Finds an order by its number"
# url = "http://127.0.0.1:7000/orders"
# parameters = {{ type = "object", properties = {{ number = {{ type = "string" }} }}, required = ["number"] }}
# timeout = "30s"

# An agent that runs elsewhere and speaks AG-UI: LangGraph, Mastra, CrewAI, LlamaIndex …
# [agents.research]
# type = "ag-ui"
# url = "http://127.0.0.1:9000/"

[threads]
# How long threads are kept after they were last used, and how many. Not set: for ever, all.
# max_age = "90days"
# max_threads = 10000

[auth]
# "none" lets everybody in who reaches the address. "bearer" takes the tokens of a list, "jwt" those of your identity
# provider; docs/auth.md says how.
# kind = "none"

[limits]
# The most runs at once, and the longest one. docs/limits.md has all bounds with their reasons.
# runs = 1000
# run_max = "1h"
# How long active runs may go on after the server was asked to stop.
# drain_timeout = "25s"
"##
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{AgentConfig, Config, Sources};
    use std::sync::Arc;

    #[test]
    fn the_list_of_providers_is_broken_behind_its_commas() {
        let names: Vec<_> = Profile::names().collect();
        let lines = lines(&names);
        assert!(lines.len() > 1 && lines.iter().all(|line| line.len() <= LINE && !line.starts_with(',')), "{lines:#?}");
        assert!(lines[..lines.len() - 1].iter().all(|line| line.ends_with(',')), "{lines:#?}");
        assert_eq!(lines.join(" "), names.join(", "));
    }

    fn load(text: &str) -> Config {
        let file = Some(("copilotkit.toml".into(), text.to_owned()));
        let environment = Arc::new(|name: &str| name.ends_with("_API_KEY").then(|| "key".to_owned()));
        Config::load(Sources { file, overrides: Vec::new(), flags: Vec::new(), environment })
            .unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    /// A comment that is TOML and not words: a header of a table, or a key with its value.
    fn uncommented(text: &str) -> String {
        let is_key =
            |line: &str| line.starts_with('[') || line.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '));
        let line = |line: &str| match line.strip_prefix("# ").filter(|rest| is_key(rest)) {
            Some(rest) => format!("{rest}\n"),
            None => format!("{line}\n"),
        };
        text.lines().map(line).collect()
    }

    #[test]
    fn what_is_written_can_be_read_with_and_without_its_comments() {
        for (model, given) in [
            ("demo", None),
            ("openai/gpt-4o", None),
            ("ollama/llama3.2", None),
            ("ollama/llama3.2", Some("http://10.0.0.7:11434/v1")),
            ("custom/foo", None),
            ("azure/gpt-4o", None),
        ] {
            let written = text(model, Address::of(model, given, &|_| false).as_ref());
            let config = load(&written);
            let AgentConfig::BuiltIn(agent) = &config.agents[0].1 else { panic!("{model}") };
            assert_eq!(agent.model.items(), [model]);
            assert_eq!(agent.base_url.is_some(), given.is_some() || model.starts_with(['c', 'a']), "{model}");
            let all = uncommented(&written);
            assert!(
                all.lines().filter(|line| !line.starts_with('#')).count()
                    > written.lines().filter(|line| !line.starts_with('#')).count() + 15
            );
            let config = load(&all);
            assert_eq!(config.agents.len(), 2);
            assert_eq!((config.server.port, config.limits.runs), (8000, 1000), "defaults are shown as they are");
            let defaults = Config::default();
            assert_eq!((config.server.host, config.store.path), (defaults.server.host, defaults.store.path));
            assert_eq!(config.limits.run_max, defaults.limits.run_max);
            assert_eq!(config.limits.drain_timeout, defaults.limits.drain_timeout);
        }
    }

    #[test]
    fn a_provider_has_a_model_or_asks_for_one() {
        assert_eq!(model_of("OpenAI", None).unwrap(), "openai/gpt-4o");
        assert_eq!(model_of("groq", Some("x/y")).unwrap(), "groq/x/y");
        assert_eq!(model_of("openai", Some("openai/gpt-4o")).unwrap(), "openai/gpt-4o");
        assert_eq!(model_of("demo", Some("ignored")).unwrap(), "demo");
        assert!(model_of("custom", None).unwrap_err().to_string().contains("--model"));
        assert!(model_of("acme", None).unwrap_err().to_string().contains("deepseek"));
    }
}
