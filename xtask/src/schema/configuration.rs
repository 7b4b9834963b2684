//! `config.schema.json` and the tables of `docs/configuration.md`, from the structs that the file is read into.

use super::json::sorted;
use anyhow::Context;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Written by hand, but for what stands between the marks.
pub(crate) const PAGE: &str = "docs/configuration.md";

const BEGIN: &str =
    "<!-- Generated from config.schema.json by `cargo xtask schema`. Changes up to the end mark are lost. -->";
const END: &str = "<!-- End of what is generated. -->";

/// The schema of the file.
pub(crate) fn schema() -> anyhow::Result<Value> {
    let mut schema: Value = copilotkit_cli::config::schema().into();
    tidy(&mut schema);
    Ok(schema)
}

/// The keys of the sections, by their last part.
pub(crate) fn keys(schema: &Value) -> anyhow::Result<BTreeMap<String, String>> {
    let mut keys = BTreeMap::new();
    for (section, fields) in sections(schema)? {
        keys.extend(fields.keys().map(|key| (key.clone(), format!("{section}.{key}"))));
    }
    Ok(keys)
}

/// The page with fresh tables.
pub(crate) fn page(text: &str, schema: &Value) -> anyhow::Result<String> {
    let (before, rest) = text.split_once(BEGIN).with_context(|| format!("{PAGE} has no line {BEGIN}"))?;
    let (_, after) = rest.split_once(END).with_context(|| format!("{PAGE} has no line {END}"))?;
    Ok(format!("{before}{BEGIN}\n{}\n{END}{after}", tables(schema)?))
}

fn tables(schema: &Value) -> anyhow::Result<String> {
    let mut out = String::new();
    let root = schema["properties"].as_object().context("the schema has no properties")?;
    for (section, _) in sections(schema)? {
        heading(&mut out, &format!("`[{section}]`"), root.get(section));
        rows(&mut out, schema, resolve(schema, &root[section]))?;
        for (key, field) in fields(resolve(schema, &root[section]))? {
            let item = resolve(schema, &field["items"]);
            if item.get("properties").is_some() {
                heading(&mut out, &format!("`[[{section}.{key}]]`"), Some(item));
                rows(&mut out, schema, item)?;
            }
            named(&mut out, schema, &format!("{section}.{key}"), field)?;
        }
    }
    let server = resolve(schema, &root["mcp"]["additionalProperties"]);
    heading(&mut out, "`[mcp.NAME]`", Some(server));
    rows(&mut out, schema, server)?;
    let oauth = resolve(schema, &fields(server)?["oauth"]);
    heading(&mut out, "`[mcp.NAME.oauth]`", Some(oauth));
    rows(&mut out, schema, oauth)?;
    let price = resolve(schema, &root["prices"]["additionalProperties"]);
    heading(&mut out, "`[prices.\"PROVIDER/MODEL\"]`", Some(price));
    rows(&mut out, schema, price)?;
    let agents = resolve(schema, &root["agents"]["additionalProperties"]);
    for agent in agents["oneOf"].as_array().context("agents are no union")? {
        let agent = resolve(schema, agent);
        let kind = agent["properties"]["type"]["const"].as_str().context("an agent without a type")?;
        heading(&mut out, &format!("`[agents.ID]` with `type = \"{kind}\"`"), Some(agent));
        rows(&mut out, schema, agent)?;
        for key in ["tools", "agents"] {
            let Some(list) = agent["properties"].get(key) else { continue };
            let item = resolve(schema, &list["items"]);
            heading(&mut out, &format!("`[[agents.ID.{key}]]`"), Some(item));
            rows(&mut out, schema, item)?;
        }
    }
    Ok(out)
}

/// A table of tables by name, and the lists of tables in one of these.
fn named(out: &mut String, schema: &Value, at: &str, field: &Value) -> anyhow::Result<()> {
    let item = resolve(schema, &resolve(schema, field)["additionalProperties"]);
    let Some(members) = item["properties"].as_object() else { return Ok(()) };
    heading(out, &format!("`[{at}.ID]`"), Some(item));
    rows(out, schema, item)?;
    for (key, field) in members {
        let item = resolve(schema, &field["items"]);
        if item.get("properties").is_some() {
            heading(out, &format!("`[[{at}.ID.{key}]]`"), Some(item));
            rows(out, schema, item)?;
        }
    }
    Ok(())
}

/// The sections whose members are known: name and members.
fn sections(schema: &Value) -> anyhow::Result<Vec<(&str, &Map<String, Value>)>> {
    let root = schema["properties"].as_object().context("the schema has no properties")?;
    let sections = root.iter().filter(|(name, _)| !matches!(name.as_str(), "agents" | "mcp" | "prices"));
    let mut sections: Vec<_> = sections
        .map(|(name, section)| Ok((name.as_str(), fields(resolve(schema, section))?)))
        .collect::<anyhow::Result<_>>()?;
    sections.sort_by_key(|(name, _)| (*name != "server", *name));
    Ok(sections)
}

fn fields(schema: &Value) -> anyhow::Result<&Map<String, Value>> {
    schema["properties"].as_object().with_context(|| format!("an object without properties: {schema}"))
}

fn resolve<'a>(schema: &'a Value, part: &'a Value) -> &'a Value {
    let name = part["$ref"].as_str().and_then(|target| target.strip_prefix("#/$defs/"));
    name.map_or(part, |name| &schema["$defs"][name])
}

fn heading(out: &mut String, title: &str, schema: Option<&Value>) {
    let description = schema.and_then(|schema| schema["description"].as_str()).unwrap_or_default();
    out.push_str(&format!("\n## {title}\n\n{description}\n\n| key | type | default | meaning |\n|---|---|---|---|\n"));
}

fn rows(out: &mut String, schema: &Value, object: &Value) -> anyhow::Result<()> {
    let required = object["required"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (key, field) in sorted(fields(object)?, Some("properties"), object.get("required")) {
        if field.get("const").is_some() {
            continue;
        }
        let kind = kind_of(schema, field).with_context(|| format!("the type of {key}"))?;
        let default = match field.get("default") {
            Some(default) => format!("`{}`", toml(default)),
            None if required.iter().any(|name| name == key) => "required".to_owned(),
            None => "none".to_owned(),
        };
        let meaning = field["description"].as_str().with_context(|| format!("{key} has no doc comment"))?;
        let words = words(schema, field);
        let row = format!("| `{key}` | {kind} | {default} | {meaning}{words} |");
        out.push_str(&row.replace("\n\n", " ").replace('\n', " "));
        out.push('\n');
    }
    Ok(())
}

/// What the words of an enumeration mean.
fn words(schema: &Value, field: &Value) -> String {
    let variants = resolve(schema, field)["oneOf"].as_array().map(Vec::as_slice).unwrap_or_default();
    let meaning = |variant: &Value| Some(format!(" `{}`: {}", variant.get("const")?, variant["description"].as_str()?));
    variants.iter().filter(|_| variants.len() > 1).filter_map(meaning).collect()
}

/// A type in words.
fn kind_of(schema: &Value, field: &Value) -> anyhow::Result<String> {
    match field["$ref"].as_str().and_then(|target| target.rsplit('/').next()) {
        Some("Duration") => return Ok("duration".to_owned()),
        Some("Size") => return Ok("size".to_owned()),
        _ => {}
    }
    let field = resolve(schema, field);
    if let Some(word) = field.get("const") {
        return Ok(format!("`{word}`"));
    }
    for keyword in ["oneOf", "anyOf"] {
        if let Some(variants) = field[keyword].as_array() {
            let kinds = variants.iter().map(|variant| kind_of(schema, variant)).collect::<Result<Vec<_>, _>>()?;
            return Ok(kinds.join(" or "));
        }
    }
    Ok(match field["type"].as_str() {
        Some("string") => "text".to_owned(),
        Some("boolean") => "`true` or `false`".to_owned(),
        Some("integer") => "whole number".to_owned(),
        Some("number") => "number".to_owned(),
        Some("array") => match kind_of(schema, &field["items"])?.as_str() {
            "text" => "list of texts".to_owned(),
            "table" => "list of tables".to_owned(),
            other => format!("list of {other}"),
        },
        Some("object") => match &field["additionalProperties"] {
            Value::Object(_) if resolve(schema, &field["additionalProperties"]).get("properties").is_some() => {
                "table of tables".to_owned()
            }
            Value::Object(_) => "table of texts".to_owned(),
            _ => "table".to_owned(),
        },
        None if field.get("properties").is_none() => "any value".to_owned(),
        other => anyhow::bail!("no word for {other:?}"),
    })
}

/// A default as it stands in the file.
fn toml(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(toml).collect::<Vec<_>>().join(", ")),
        // What is not set is not there: TOML has no null.
        Value::Object(members) if members.values().any(|value| !value.is_null()) => {
            let set = members.iter().filter(|(_, value)| !value.is_null());
            let pairs: Vec<_> = set.map(|(key, value)| format!("{key} = {}", toml(value))).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        other => other.to_string(),
    }
}

/// TOML has no null, and the names of Rust's number types mean nothing to editors.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            // As a text it is the keyword; a key of that name is an object.
            if members.get("format").is_some_and(Value::is_string) {
                members.remove("format");
            }
            if let Some(Value::Array(kinds)) = members.get_mut("type") {
                kinds.retain(|kind| kind != "null");
                if let [kind] = kinds.as_slice() {
                    let kind = kind.clone();
                    members.insert("type".to_owned(), kind);
                }
            }
            if let Some(Value::Array(variants)) = members.get_mut("anyOf") {
                variants.retain(|variant| variant["type"] != "null");
                if let [Value::Object(only)] = variants.as_slice() {
                    let only = only.clone();
                    members.remove("anyOf");
                    members.extend(only);
                }
            }
            members.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use copilotkit_cli::config::{Config, Sources, TranscriptionConfig};
    use std::path::{Path, PathBuf};
    use std::sync::Arc;

    fn examples() -> Vec<String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let read = |page| std::fs::read_to_string(root.join(page)).unwrap();
        let text = read(PAGE) + &read("docs/auth.md") + &read("docs/observability.md") + &read("docs/security.md");
        let text = text + &read("docs/mcp.md");
        let blocks = text.split("```toml\n").skip(1).map(|rest| rest.split_once("```").unwrap().0.to_owned());
        blocks.collect()
    }

    fn load(text: &str) -> Result<Config, String> {
        let sources = Sources {
            file: Some((PathBuf::from("example.toml"), text.to_owned())),
            overrides: Vec::new(),
            flags: Vec::new(),
            environment: Arc::new(|name| {
                let is_secret = ["_KEY", "_TOKEN", "_SECRET"].iter().any(|end| name.ends_with(end));
                is_secret.then(|| format!("value-of-{name}"))
            }),
        };
        Config::load(sources).map_err(|error| error.to_string())
    }

    fn validator() -> jsonschema::Validator {
        jsonschema::validator_for(&schema().unwrap()).unwrap()
    }

    #[test]
    fn the_examples_of_the_page_are_configurations() {
        let (examples, validator) = (examples(), validator());
        assert!(examples.len() >= 4, "{}", examples.len());
        for example in examples {
            load(&example).unwrap_or_else(|error| panic!("{error}\n{example}"));
            let value: Value = toml::from_str(&example).unwrap();
            let errors: Vec<_> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{errors:?}\n{example}");
        }
    }

    #[test]
    fn the_defaults_of_the_page_are_those_of_the_program() {
        let schema = schema().unwrap();
        let mut text = String::new();
        for (section, fields) in sections(&schema).unwrap() {
            text.push_str(&format!("[{section}]\n"));
            // A key without a default of its own may only be left out.
            for (key, field) in fields.into_iter().filter(|(_, field)| !field["default"].is_null()) {
                text.push_str(&format!("{key} = {}\n", toml(&field["default"])));
            }
        }
        let (written, default) = (load(&text).unwrap(), load("").unwrap());
        assert_eq!(format!("{:?}", written.server), format!("{:?}", default.server));
        assert_eq!(format!("{:?}", written.limits), format!("{:?}", default.limits));
        assert_eq!(format!("{:?}", written.auth), format!("{:?}", default.auth));
        assert_eq!(format!("{:?}", written.store), format!("{:?}", default.store));
        let transcription = Some(TranscriptionConfig::default());
        assert_eq!(format!("{:?}", written.transcription), format!("{transcription:?}"));
    }

    #[test]
    fn the_schema_refuses_what_the_program_refuses() {
        let validator = validator();
        for text in [
            "[server]\nprot = 1\n",
            "[server]\nport = \"x\"\n",
            "[server]\nport = 70000\n",
            "[server]\nmode = \"rest\"\n",
            "[limits]\nbody_max = true\n",
            "[agents.a]\ntype = \"built-in\"\n",
            "[agents.a]\nmodel = \"demo\"\n",
            "[agents.a]\ntype = \"other\"\nmodel = \"demo\"\n",
            "[agents.a]\ntype = \"built-in\"\nmodel = \"demo\"\nmax_steps = 0\n",
            "[agents.a]\ntype = \"built-in\"\nmodel = \"demo\"\nurl = \"http://h/\"\n",
            "[agents.a]\ntype = \"ag-ui\"\nurl = \"http://h/\"\nforward_headers = \"all\"\n",
            "[[agents.a.tools]]\nurl = \"http://h/\"\n",
            "[auth]\nkind = \"basic\"\n",
            "[auth]\nkind = \"bearer\"\ntokens = [{ env = \"A_TOKEN\" }]\n",
            "unknown = 1\n",
        ] {
            assert!(load(text).is_err(), "the program takes {text}");
            let value: Value = toml::from_str(text).unwrap();
            assert!(!validator.is_valid(&value), "the schema takes {text}");
        }
    }
}
