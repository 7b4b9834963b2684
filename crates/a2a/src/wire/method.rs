//! The calls, and what they are named in each version.

use super::v03::V03;
use crate::types::{
    CancelTaskRequest, DeletePushRequest, GetPushRequest, GetTaskRequest, ListPushRequest, ListTasksRequest,
    PushConfig, SendMessageRequest, SubscribeToTaskRequest,
};
use copilotkit_protocol::Json;
use std::fmt;

/// A version of A2A.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProtocolVersion {
    /// 0.3.
    V0_3,
    /// 1.0.
    V1_0,
}

impl ProtocolVersion {
    /// `1.0` or `0.3`, as the header `A2A-Version` carries it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V0_3 => "0.3",
            Self::V1_0 => "1.0",
        }
    }

    /// Reads a version; patch numbers do not matter.
    pub fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.trim().split('.');
        match (numbers.next()?, numbers.next().unwrap_or("0")) {
            ("1", _) => Some(Self::V1_0),
            // 0.2 has the same methods and messages.
            ("0", "2" | "3") => Some(Self::V0_3),
            _ => None,
        }
    }

    /// The name of the header that activates extensions.
    pub fn extensions_header(self) -> &'static str {
        match self {
            Self::V0_3 => "x-a2a-extensions",
            Self::V1_0 => "a2a-extensions",
        }
    }
}

impl fmt::Display for ProtocolVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

macro_rules! methods {
    ($($(#[doc = $doc:literal])+ $name:ident $new:literal $old:expr;)+) => {
        /// Something that can be asked of an agent.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Method {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Method {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Its name in JSON-RPC; `None` where the version has none.
            pub fn name(self, version: ProtocolVersion) -> Option<&'static str> {
                match (self, version) {
                    $((Self::$name, ProtocolVersion::V1_0) => Some($new),
                    (Self::$name, ProtocolVersion::V0_3) => $old,)+
                }
            }
        }
    };
}

methods! {
    /// Sends a message and waits for the answer.
    SendMessage "SendMessage" Some("message/send");
    /// Sends a message; the answer is a stream.
    SendStreamingMessage "SendStreamingMessage" Some("message/stream");
    /// Shows a task.
    GetTask "GetTask" Some("tasks/get");
    /// Lists tasks.
    ListTasks "ListTasks" None;
    /// Cancels a task.
    CancelTask "CancelTask" Some("tasks/cancel");
    /// Follows a task.
    SubscribeToTask "SubscribeToTask" Some("tasks/resubscribe");
    /// Makes a push configuration.
    CreatePush "CreateTaskPushNotificationConfig" Some("tasks/pushNotificationConfig/set");
    /// Shows a push configuration.
    GetPush "GetTaskPushNotificationConfig" Some("tasks/pushNotificationConfig/get");
    /// Lists push configurations.
    ListPush "ListTaskPushNotificationConfigs" Some("tasks/pushNotificationConfig/list");
    /// Deletes a push configuration.
    DeletePush "DeleteTaskPushNotificationConfig" Some("tasks/pushNotificationConfig/delete");
    /// Shows the longer card.
    ExtendedCard "GetExtendedAgentCard" Some("agent/getAuthenticatedExtendedCard");
}

impl Method {
    /// The method of this name.
    pub fn from_name(name: &str, version: ProtocolVersion) -> Option<Self> {
        Self::ALL.iter().copied().find(|method| method.name(version) == Some(name))
    }

    /// Its answer is a stream.
    pub fn is_stream(self) -> bool {
        matches!(self, Self::SendStreamingMessage | Self::SubscribeToTask)
    }

    /// It changes nothing, so it may be repeated.
    pub fn is_safe(self) -> bool {
        !matches!(self, Self::SendMessage | Self::SendStreamingMessage | Self::CreatePush)
    }
}

/// A call with its parameters.
#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    /// [`Method::SendMessage`]
    Send(SendMessageRequest),
    /// [`Method::SendStreamingMessage`]
    Stream(SendMessageRequest),
    /// [`Method::GetTask`]
    Get(GetTaskRequest),
    /// [`Method::ListTasks`]
    List(ListTasksRequest),
    /// [`Method::CancelTask`]
    Cancel(CancelTaskRequest),
    /// [`Method::SubscribeToTask`]
    Subscribe(SubscribeToTaskRequest),
    /// [`Method::CreatePush`]
    CreatePush(PushConfig),
    /// [`Method::GetPush`]
    GetPush(GetPushRequest),
    /// [`Method::ListPush`]
    ListPush(ListPushRequest),
    /// [`Method::DeletePush`]
    DeletePush(DeletePushRequest),
    /// [`Method::ExtendedCard`]
    ExtendedCard,
}

impl Call {
    /// What is asked.
    pub fn method(&self) -> Method {
        match self {
            Self::Send(_) => Method::SendMessage,
            Self::Stream(_) => Method::SendStreamingMessage,
            Self::Get(_) => Method::GetTask,
            Self::List(_) => Method::ListTasks,
            Self::Cancel(_) => Method::CancelTask,
            Self::Subscribe(_) => Method::SubscribeToTask,
            Self::CreatePush(_) => Method::CreatePush,
            Self::GetPush(_) => Method::GetPush,
            Self::ListPush(_) => Method::ListPush,
            Self::DeletePush(_) => Method::DeletePush,
            Self::ExtendedCard => Method::ExtendedCard,
        }
    }

    /// The parameters as JSON of this version.
    pub fn params(&self, version: ProtocolVersion) -> Json {
        let old = version == ProtocolVersion::V0_3;
        match self {
            Self::Send(request) | Self::Stream(request) if old => Json::of(&V03(request)),
            Self::Send(request) | Self::Stream(request) => Json::of(request),
            Self::Get(request) => Json::of(request),
            Self::List(request) => Json::of(request),
            Self::Cancel(request) => Json::of(request),
            Self::Subscribe(request) => Json::of(request),
            Self::CreatePush(request) if old => Json::of(&V03(request)),
            Self::CreatePush(request) => Json::of(request),
            Self::GetPush(request) | Self::DeletePush(request) if old => Json::of(&V03(request)),
            Self::GetPush(request) | Self::DeletePush(request) => Json::of(request),
            Self::ListPush(request) if old => Json::of(&V03(request)),
            Self::ListPush(request) => Json::of(request),
            Self::ExtendedCard => Json::of(&serde_json::Map::new()),
        }
    }

    /// Sets the tenant of the interface that it goes to.
    pub(crate) fn set_tenant(&mut self, tenant: Option<&str>) {
        let tenant = tenant.map(str::to_owned);
        match self {
            Self::Send(request) | Self::Stream(request) => request.tenant = tenant,
            Self::Get(request) => request.tenant = tenant,
            Self::List(request) => request.tenant = tenant,
            Self::Cancel(request) => request.tenant = tenant,
            Self::Subscribe(request) => request.tenant = tenant,
            Self::CreatePush(request) => request.tenant = tenant,
            Self::GetPush(request) | Self::DeletePush(request) => request.tenant = tenant,
            Self::ListPush(request) => request.tenant = tenant,
            Self::ExtendedCard => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_without_their_patch() {
        for (text, version) in [
            ("1.0", Some(ProtocolVersion::V1_0)),
            ("1.0.1", Some(ProtocolVersion::V1_0)),
            ("0.3.0", Some(ProtocolVersion::V0_3)),
            ("0.2.5", Some(ProtocolVersion::V0_3)),
            ("0.1.0", None),
            ("2.0", None),
            ("", None),
        ] {
            assert_eq!(ProtocolVersion::parse(text), version, "{text}");
        }
    }

    #[test]
    fn a_method_is_found_by_its_name() {
        for version in [ProtocolVersion::V1_0, ProtocolVersion::V0_3] {
            for method in Method::ALL {
                if let Some(name) = method.name(version) {
                    assert_eq!(Method::from_name(name, version), Some(*method));
                }
            }
        }
        assert_eq!(Method::from_name("message/send", ProtocolVersion::V1_0), None);
    }
}
