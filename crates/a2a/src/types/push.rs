//! Where an agent sends news of a task to.

use super::lenient;
use serde::{Deserialize, Deserializer, Serialize};

/// Where an agent sends news of a task to.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PushConfig {
    /// The tenant of the interface.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Its id, unique in the task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_id: Option<String>,
    /// The address that is posted to.
    pub url: String,
    /// Comes back with the news, so that they can be believed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// How the agent proves who it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authentication: Option<PushAuthentication>,
}

/// How an agent that sends news proves who it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct PushAuthentication {
    /// `Bearer`, `Basic` …
    pub scheme: String,
    /// The credentials, if they are fixed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<String>,
}

/// The forms of both versions in one: 0.3 wraps it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PushWire {
    #[serde(default, deserialize_with = "lenient::text")]
    tenant: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    id: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    task_id: Option<String>,
    #[serde(default, deserialize_with = "lenient::or_default")]
    url: String,
    #[serde(default, deserialize_with = "lenient::text")]
    token: Option<String>,
    authentication: Option<AuthenticationWire>,
    push_notification_config: Option<Box<PushWire>>,
}

#[derive(Deserialize)]
struct AuthenticationWire {
    #[serde(default, deserialize_with = "lenient::text")]
    scheme: Option<String>,
    #[serde(default, deserialize_with = "lenient::list")]
    schemes: Vec<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    credentials: Option<String>,
}

impl From<PushWire> for PushConfig {
    fn from(wire: PushWire) -> Self {
        if let Some(inner) = wire.push_notification_config {
            let inner = Self::from(*inner);
            return Self { task_id: wire.task_id.or(inner.task_id), ..inner };
        }
        let authentication = wire.authentication.map(|wire| PushAuthentication {
            scheme: wire.scheme.or(wire.schemes.into_iter().next()).unwrap_or_default(),
            credentials: wire.credentials,
        });
        let PushWire { tenant, id, task_id, url, token, .. } = wire;
        Self { tenant, id, task_id, url, token, authentication }
    }
}

impl<'de> Deserialize<'de> for PushConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        PushWire::deserialize(deserializer).map(Self::from)
    }
}

/// Which push configuration to show.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GetPushRequest {
    /// The tenant of the interface.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The task.
    pub task_id: String,
    /// The configuration.
    pub id: String,
}

/// In 0.3 `id` is the task.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WhichWire {
    #[serde(default, deserialize_with = "lenient::text")]
    tenant: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    task_id: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    id: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    push_notification_config_id: Option<String>,
}

impl<'de> Deserialize<'de> for GetPushRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let wire = WhichWire::deserialize(deserializer)?;
        let (task_id, id) = match wire.push_notification_config_id {
            Some(config) => (wire.id, Some(config)),
            None => (wire.task_id, wire.id),
        };
        let task_id = task_id.ok_or_else(|| D::Error::missing_field("taskId"))?;
        Ok(Self { tenant: wire.tenant, task_id, id: id.ok_or_else(|| D::Error::missing_field("id"))? })
    }
}

/// Which push configuration to delete.
pub type DeletePushRequest = GetPushRequest;

/// Whose push configurations to list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListPushRequest {
    /// The tenant of the interface.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The task.
    #[serde(alias = "id")]
    pub task_id: String,
}

/// The push configurations of a task.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListPushResponse {
    /// The configurations.
    pub configs: Vec<PushConfig>,
    /// Where the next page begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

impl<'de> Deserialize<'de> for ListPushResponse {
    /// An object in 1.0, a list in 0.3.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Page {
            #[serde(default, deserialize_with = "lenient::list")]
            configs: Vec<PushConfig>,
            #[serde(default, deserialize_with = "lenient::text")]
            next_page_token: Option<String>,
        }
        let json = copilotkit_protocol::Json::deserialize(deserializer)?;
        if json.get().starts_with('[') {
            let configs = serde_json::from_str(json.get()).map_err(D::Error::custom)?;
            return Ok(Self { configs, next_page_token: None });
        }
        let page: Page = serde_json::from_str(json.get()).map_err(D::Error::custom)?;
        Ok(Self { configs: page.configs, next_page_token: page.next_page_token })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_configuration_are_the_same() {
        let new = r#"{"id":"p","taskId":"t","url":"http://a/","token":"k","authentication":{"scheme":"Bearer","credentials":"s"}}"#;
        let old = r#"{"taskId":"t","pushNotificationConfig":{"id":"p","url":"http://a/","token":"k","authentication":{"schemes":["Bearer"],"credentials":"s"}}}"#;
        let read = |text: &str| serde_json::from_str::<PushConfig>(text).unwrap();
        assert_eq!(read(new), read(old));
        let list = |text: String| serde_json::from_str::<ListPushResponse>(&text).unwrap().configs;
        assert_eq!(list(format!("[{old}]")), list(format!(r#"{{"configs":[{new}]}}"#)));
    }
}
