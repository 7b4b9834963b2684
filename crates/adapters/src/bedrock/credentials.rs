//! Signatures of AWS, version 4.

use crate::service::{Authorize, Unsigned};
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use copilotkit_runtime::model::{ModelError, ModelErrorKind};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use reqwest::header::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use std::fmt;
use std::time::SystemTime;

/// The name of the service in signatures.
const SERVICE: &str = "bedrock";

/// A key of AWS.
#[derive(Clone, Debug)]
pub struct AwsCredentials {
    /// The id of the key.
    pub access_key_id: String,
    /// The key.
    pub secret_access_key: SecretString,
    /// Of temporary keys.
    pub session_token: Option<SecretString>,
}

impl AwsCredentials {
    /// From `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`.
    pub fn from_env(env: &dyn Fn(&str) -> Option<String>) -> Option<Self> {
        let given = |name: &str| env(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        Some(Self {
            access_key_id: given("AWS_ACCESS_KEY_ID")?,
            secret_access_key: given("AWS_SECRET_ACCESS_KEY")?.into(),
            session_token: given("AWS_SESSION_TOKEN").map(SecretString::from),
        })
    }

    /// From the text of a `credentials` file, the section of this profile.
    pub fn from_file(text: &str, profile: &str) -> Option<Self> {
        let (mut inside, mut id, mut secret, mut token) = (false, None, None, None);
        for line in text.lines().map(str::trim) {
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                let name = name.trim();
                inside = name == profile || name.strip_prefix("profile ").map(str::trim) == Some(profile);
            } else if let Some((key, value)) = line.split_once('=').filter(|_| inside) {
                let value = Some(value.trim().to_owned()).filter(|value| !value.is_empty());
                match key.trim() {
                    "aws_access_key_id" => id = value,
                    "aws_secret_access_key" => secret = value,
                    "aws_session_token" => token = value,
                    _ => {}
                }
            }
        }
        Some(Self {
            access_key_id: id?,
            secret_access_key: secret?.into(),
            session_token: token.map(SecretString::from),
        })
    }
}

/// Signs requests to Bedrock in one region.
#[derive(Clone)]
pub struct Sigv4 {
    /// The key.
    pub credentials: AwsCredentials,
    /// The region, such as `us-east-1`.
    pub region: String,
}

impl fmt::Debug for Sigv4 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sigv4").field("region", &self.region).finish_non_exhaustive()
    }
}

impl Sigv4 {
    /// The headers that sign a request at a time.
    ///
    /// # Errors
    /// A request that cannot be signed.
    pub fn sign(&self, request: Unsigned<'_>, time: SystemTime) -> Result<Vec<(HeaderName, HeaderValue)>, ModelError> {
        let token = self.credentials.session_token.as_ref().map(|token| token.expose_secret().to_owned());
        let secret = self.credentials.secret_access_key.expose_secret();
        let identity = Credentials::new(&self.credentials.access_key_id, secret, token, None, "configuration").into();
        let params = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(SERVICE)
            .time(time)
            .settings(SigningSettings::default())
            .build()
            .map_err(|cause| unsigned(&cause))?
            .into();
        // The host is added from the address. What else is sent need not be signed.
        let signable = SignableRequest::new(
            request.method,
            request.url.as_str(),
            std::iter::empty(),
            SignableBody::Bytes(request.body),
        )
        .map_err(|cause| unsigned(&cause))?;
        let (instructions, _) = sign(signable, &params).map_err(|cause| unsigned(&cause))?.into_parts();
        let (headers, _) = instructions.into_parts();
        headers
            .iter()
            .map(|header| {
                let mut value = HeaderValue::from_str(header.value()).map_err(|cause| unsigned(&cause))?;
                value.set_sensitive(header.sensitive() || header.name() == "authorization");
                Ok((HeaderName::from_static(header.name()), value))
            })
            .collect()
    }
}

impl Authorize for Sigv4 {
    fn authorize<'a>(
        &'a self,
        request: Unsigned<'a>,
    ) -> BoxFuture<'a, Result<Vec<(HeaderName, HeaderValue)>, ModelError>> {
        async move { self.sign(request, SystemTime::now()) }.boxed()
    }
}

fn unsigned(cause: &dyn fmt::Display) -> ModelError {
    ModelError::new(ModelErrorKind::Auth, format!("the request to Bedrock cannot be signed: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::Url;
    use std::time::{Duration, UNIX_EPOCH};

    fn sigv4() -> Sigv4 {
        let credentials = AwsCredentials {
            access_key_id: "AKIDEXAMPLE".into(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
            session_token: Some("session".into()),
        };
        Sigv4 { credentials, region: "us-east-1".into() }
    }

    #[test]
    fn a_request_is_signed_and_the_key_is_not_shown() {
        let url = Url::parse("https://h/model/a%3A0/converse-stream").expect("url");
        let request = Unsigned { method: "POST", url: &url, body: b"{}" };
        let time = UNIX_EPOCH + Duration::from_secs(1_440_938_160);
        let headers = sigv4().sign(request, time).expect("signed");
        let value = |name: &str| headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        let authorization = value("authorization").expect("authorization");
        let text = authorization.to_str().expect("text");
        let scope = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/bedrock/aws4_request, SignedHeaders=";
        assert!(text.starts_with(scope) && text.contains("host;"), "{text}");
        assert_eq!(value("x-amz-date").expect("date"), "20150830T123600Z");
        assert_eq!(value("x-amz-security-token").expect("token"), "session");
        assert!(authorization.is_sensitive());
        let again = sigv4().sign(Unsigned { body: b"{ }", ..request }, time).expect("signed");
        assert_ne!(again, headers, "the body is signed");
        assert!(!format!("{:?}", sigv4()).contains("wJalr"));
    }

    #[test]
    fn keys_are_found_in_the_environment_and_in_files() {
        let env = |name: &str| match name {
            "AWS_ACCESS_KEY_ID" => Some("A".to_owned()),
            "AWS_SECRET_ACCESS_KEY" => Some(" B ".to_owned()),
            _ => None,
        };
        let found = AwsCredentials::from_env(&env).expect("found");
        assert_eq!((&*found.access_key_id, found.secret_access_key.expose_secret()), ("A", "B"));
        let file = "[default]\naws_access_key_id = D\naws_secret_access_key=S\n\n[profile work]\naws_access_key_id=W\n\
            aws_secret_access_key = X=\naws_session_token = T\n";
        assert_eq!(AwsCredentials::from_file(file, "default").expect("default").access_key_id, "D");
        let work = AwsCredentials::from_file(file, "work").expect("work");
        assert_eq!((work.secret_access_key.expose_secret(), work.session_token.is_some()), ("X=", true));
        assert!(AwsCredentials::from_file(file, "other").is_none());
    }
}
