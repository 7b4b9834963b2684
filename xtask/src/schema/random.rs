//! Documents by chance: what a schema describes, and what is a little beside it. The same seed makes the same documents.

use serde_json::{Map, Number, Value, json};

/// xorshift64*: small, and the same everywhere.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        ((self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize) % bound.max(1)
    }

    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

/// Deeper than this only what is required is made.
pub(crate) const DEPTH: usize = 5;

/// A document that `schema` accepts; `definitions` are what it refers to.
pub(crate) fn document(definitions: &Map<String, Value>, schema: &Value, random: &mut Random, depth: usize) -> Value {
    if let Some(name) = schema["$ref"].as_str().and_then(|target| target.rsplit('/').next()) {
        let value = document(definitions, &definitions[name], random, depth);
        return if value.is_null() && schema.get("not").is_some() { json!({}) } else { value };
    }
    if let Some(value) = schema.get("const") {
        return value.clone();
    }
    if let Some(values) = schema["enum"].as_array() {
        return random.pick(values).clone();
    }
    if let Some(variants) = schema["oneOf"].as_array() {
        let variant = random.pick(variants).clone();
        return document(definitions, &variant, random, depth);
    }
    match schema["type"].as_str() {
        Some("object") => object(definitions, schema, random, depth),
        Some("array") => {
            let least = schema["minItems"].as_u64().unwrap_or(0) as usize;
            let count = if depth > DEPTH { least } else { least + random.below(3) };
            (0..count).map(|_| document(definitions, &schema["items"], random, depth + 1)).collect()
        }
        Some("string") if schema.get("pattern").is_some() => json!(random.pick(&["", "/a", "/a/0", "/a~1b/-", "/~0"])),
        Some("string") => json!(random.pick(&["", "a", "an id", "é 🙂", "null", "{\"a\":1}", "2026-11-01T00:00:00Z"])),
        Some("boolean") => json!(random.chance(50)),
        Some("integer") => {
            let bounds = [schema["minimum"].clone(), schema["maximum"].clone(), json!(0), json!(17)];
            random.pick(&bounds).clone()
        }
        _ if schema.get("not").is_some() => random.pick(&any()[1..]).clone(),
        _ => random.pick(&any()).clone(),
    }
}

/// Values of every type; null first.
pub(crate) fn any() -> [Value; 8] {
    [
        Value::Null,
        json!(true),
        json!(3),
        json!(0.5),
        json!("text"),
        json!([]),
        json!([1, null]),
        json!({ "a": null, "b": { "c": [] } }),
    ]
}

fn object(definitions: &Map<String, Value>, schema: &Value, random: &mut Random, depth: usize) -> Value {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    members(definitions, schema, &mut properties, &mut required);
    if properties.is_empty() {
        return random.pick(&[json!({}), json!({ "a": null }), json!({ "ag-ui": {}, "b": [1] })]).clone();
    }
    let mut object = Map::new();
    for (name, schema) in &properties {
        if required.contains(name) || depth <= DEPTH && random.chance(40) {
            object.insert(name.clone(), document(definitions, schema, random, depth + 1));
        }
    }
    object.into()
}

/// The members of an object and of those that it is composed of; a later description of a member wins.
fn members(
    definitions: &Map<String, Value>,
    schema: &Value,
    properties: &mut Map<String, Value>,
    required: &mut Vec<String>,
) {
    for part in schema["allOf"].as_array().into_iter().flatten() {
        let name = part["$ref"].as_str().and_then(|target| target.rsplit('/').next()).unwrap_or_default();
        members(definitions, &definitions[name], properties, required);
    }
    properties.extend(schema["properties"].as_object().cloned().unwrap_or_default());
    required.extend(schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
}

/// Changes one place of a document, most often so that it is wrong.
pub(crate) fn mutate(document: &mut Value, random: &mut Random) {
    let mut places = Vec::new();
    collect(document, String::new(), &mut places);
    let place = random.pick(&places).clone();
    let Some(value) = document.pointer_mut(&place) else { return };
    match value {
        Value::Object(members) if random.chance(75) => {
            let names: Vec<String> = members.keys().cloned().collect();
            match random.below(4) {
                0 if !names.is_empty() => drop(members.remove(random.pick(&names).as_str())),
                1 if !names.is_empty() => drop(members.insert(random.pick(&names).clone(), Value::Null)),
                2 => {
                    let known =
                        ["id", "metadata", "subagentRunId", "timestamp", "rawEvent", "name", "x-unknown", "role"];
                    members.insert((*random.pick(&known)).to_owned(), random.pick(&any()).clone());
                }
                _ => drop(members.insert("unknown".to_owned(), random.pick(&any()).clone())),
            }
        }
        Value::Array(items) if random.chance(60) => match random.below(3) {
            0 => items.clear(),
            1 => items.push(random.pick(&any()).clone()),
            _ => drop(items.pop()),
        },
        Value::Number(number) if random.chance(60) => {
            let beside = [
                json!(-1),
                json!(1.5),
                json!(9_007_199_254_740_992_i64),
                json!(-9_007_199_254_740_992_i64),
                json!("1"),
                json!(1.0),
            ];
            match random.pick(&beside) {
                Value::Number(other) => *number = Number::clone(other),
                other => *value = other.clone(),
            }
        }
        Value::String(text) if random.chance(60) => {
            let words =
                ["", "assistant", "tool", "RAW", "add", "a", "~", "/~2", "success", "data", "text", "unheard of"];
            *text = (*random.pick(&words)).to_owned();
        }
        value => *value = random.pick(&any()).clone(),
    }
}

fn collect(value: &Value, path: String, places: &mut Vec<String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(key, value)| {
            collect(value, format!("{path}/{}", key.replace('~', "~0").replace('/', "~1")), places);
        }),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| collect(item, format!("{path}/{index}"), places));
        }
        _ => {}
    }
    places.push(path);
}
