//! Where tokens come from.

use super::failed;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use copilotkit_runtime::client::{self, Trust};
use copilotkit_runtime::model::{ModelError, ModelErrorKind};
use reqwest::{Client, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";

pub(super) enum Source {
    Given(SecretString),
    ServiceAccount { email: String, key_id: String, key: SecretString, token_uri: String },
    User { client_id: String, client_secret: SecretString, refresh_token: SecretString, token_uri: String },
    Metadata { host: String },
}

/// A file of application default credentials.
#[derive(Deserialize)]
struct File {
    r#type: String,
    #[serde(default)]
    project_id: Option<String>,
    #[serde(default)]
    quota_project_id: Option<String>,
    #[serde(default)]
    client_email: String,
    #[serde(default)]
    private_key_id: String,
    #[serde(default)]
    private_key: String,
    #[serde(default)]
    token_uri: Option<String>,
    #[serde(default)]
    client_id: String,
    #[serde(default)]
    client_secret: String,
    #[serde(default)]
    refresh_token: String,
}

#[derive(Deserialize)]
struct Answer {
    access_token: String,
    #[serde(default)]
    expires_in: Option<u64>,
}

impl Source {
    /// The source and the project of a file.
    pub(super) fn read(text: &str) -> Option<(Self, Option<String>)> {
        let file: File = serde_json::from_str(text).ok()?;
        let token_uri = file.token_uri.unwrap_or_else(|| TOKEN_URI.to_owned());
        let source = match file.r#type.as_str() {
            "service_account" => Self::ServiceAccount {
                email: file.client_email,
                key_id: file.private_key_id,
                key: file.private_key.into(),
                token_uri,
            },
            "authorized_user" => Self::User {
                client_id: file.client_id,
                client_secret: file.client_secret.into(),
                refresh_token: file.refresh_token.into(),
                token_uri,
            },
            other => {
                tracing::warn!(kind = other, "credentials of Google Cloud of this type cannot be used");
                return None;
            }
        };
        Some((source, file.project_id.or(file.quota_project_id)))
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Given(_) => "given",
            Self::ServiceAccount { .. } => "service account",
            Self::User { .. } => "user",
            Self::Metadata { .. } => "metadata server",
        }
    }

    /// A fresh token, and how long it is good for.
    pub(super) async fn fetch(&self, http: &Client) -> Result<(SecretString, Duration), ModelError> {
        let request = match self {
            Self::Given(token) => return Ok((token.clone(), Duration::MAX)),
            Self::ServiceAccount { email, key_id, key, token_uri } => {
                let assertion = assertion(email, key_id, key, token_uri)?;
                let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
                form(http, token_uri, &[("grant_type", grant), ("assertion", &assertion)])?
            }
            Self::User { client_id, client_secret, refresh_token, token_uri } => {
                let fields = [
                    ("grant_type", "refresh_token"),
                    ("client_id", client_id.as_str()),
                    ("client_secret", client_secret.expose_secret()),
                    ("refresh_token", refresh_token.expose_secret()),
                ];
                form(http, token_uri, &fields)?
            }
            Self::Metadata { host } => {
                let path = "computeMetadata/v1/instance/service-accounts/default/token";
                let url = format!("http://{host}/{path}");
                let url = client::check_url(&url, Trust::Configured).map_err(|cause| failed(&cause))?;
                http.get(url).header("metadata-flavor", "Google")
            }
        };
        let response = request.send().await.map_err(|cause| {
            let advice = "set GOOGLE_APPLICATION_CREDENTIALS or GOOGLE_VERTEX_API_KEY";
            let message = format!("{} of Google Cloud does not answer ({cause}): {advice}", self.name());
            ModelError::new(ModelErrorKind::Auth, message)
        })?;
        let status = response.status();
        let body = response.bytes().await.map_err(|cause| failed(&cause))?;
        match serde_json::from_slice::<Answer>(&body) {
            Ok(answer) if status.is_success() => {
                let good_for = Duration::from_secs(answer.expires_in.unwrap_or(3600));
                Ok((answer.access_token.into(), good_for))
            }
            _ => {
                let error =
                    crate::dialect::error::from_response(status.as_u16(), None, &body, "Google's token service");
                Err(ModelError { kind: ModelErrorKind::Auth, ..error })
            }
        }
    }
}

fn form(http: &Client, uri: &str, fields: &[(&str, &str)]) -> Result<reqwest::RequestBuilder, ModelError> {
    let url = client::check_url(uri, Trust::Configured).map_err(|cause| failed(&cause))?;
    // The query of an address has the form that a form has.
    let encoded = Url::parse_with_params("http://x/", fields).map_err(|cause| failed(&cause))?;
    let body = encoded.query().unwrap_or_default().to_owned();
    Ok(http.post(url).header("content-type", "application/x-www-form-urlencoded").body(body))
}

/// What proves to be the service account, for an hour.
fn assertion(email: &str, key_id: &str, key: &SecretString, audience: &str) -> Result<String, ModelError> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let header = json!({ "alg": "RS256", "typ": "JWT", "kid": key_id });
    let claims = json!({ "iss": email, "scope": SCOPE, "aud": audience, "iat": now, "exp": now + 3600 });
    let encode = |value: &serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encode(&header), encode(&claims));
    let der = der(key.expose_secret()).ok_or_else(|| failed(&"the private key of the service account is not one"))?;
    let pair =
        RsaKeyPair::from_pkcs8(&der).map_err(|_| failed(&"the private key of the service account is no RSA key"))?;
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
        .map_err(|_| failed(&"the private key of the service account does not sign"))?;
    Ok(format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature)))
}

/// The bytes between the lines of a PEM text.
fn der(pem: &str) -> Option<Vec<u8>> {
    let (_, rest) = pem.split_once("-----BEGIN PRIVATE KEY-----")?;
    let (body, _) = rest.split_once("-----END PRIVATE KEY-----")?;
    let base64: String = body.chars().filter(|c| !c.is_whitespace()).collect();
    BASE64_STANDARD.decode(base64).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::google::GoogleTokens;
    use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
    use copilotkit_fixtures::model_server::{ModelServer, Reply};

    #[tokio::test]
    async fn a_service_account_proves_itself_once_an_hour() {
        let answer = Reply::json(200, r#"{"access_token":"ya29.x","expires_in":3599,"token_type":"Bearer"}"#);
        let server = ModelServer::start([answer]).await;
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("key");
        let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).expect("DER");
        let pem = BASE64_STANDARD.encode(der.as_ref());
        let file = json!({
            "type": "service_account", "project_id": "p", "client_email": "a@p", "private_key_id": "k",
            "private_key": format!("-----BEGIN PRIVATE KEY-----\n{pem}\n-----END PRIVATE KEY-----\n"),
            "token_uri": server.base_url(),
        });
        let tokens = GoogleTokens::from_file(&file.to_string()).expect("file");
        assert_eq!(tokens.project(), Some("p"));
        for _ in 0..2 {
            assert_eq!(tokens.token().await.expect("token").expose_secret(), "ya29.x");
        }
        let requests = server.requests();
        assert_eq!(requests.len(), 1, "the token is kept");
        let body = String::from_utf8(requests[0].body.to_vec()).expect("text");
        let assertion = body.split("assertion=").nth(1).expect("assertion");
        let (signed, signature) = assertion.rsplit_once('.').expect("three parts");
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref());
        let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).expect("base64");
        public.verify(signed.as_bytes(), &signature).expect("signed");
        let claims = BASE64_URL_SAFE_NO_PAD.decode(signed.split('.').nth(1).expect("claims")).expect("base64");
        let claims: serde_json::Value = serde_json::from_slice(&claims).expect("JSON");
        assert_eq!((&claims["iss"], &claims["aud"]), (&json!("a@p"), &json!(server.base_url())));
    }

    #[tokio::test]
    async fn a_person_refreshes_and_a_refusal_is_told() {
        let refusal = r#"{"error":"invalid_grant","error_description":"Token has been expired or revoked."}"#;
        let server = ModelServer::start([Reply::json(400, refusal)]).await;
        let file = json!({
            "type": "authorized_user", "client_id": "i", "client_secret": "s", "refresh_token": "r&",
            "token_uri": server.base_url(), "quota_project_id": "q",
        });
        let tokens = GoogleTokens::from_file(&file.to_string()).expect("file");
        let error = tokens.token().await.expect_err("refused");
        assert_eq!((error.kind, &*error.message), (ModelErrorKind::Auth, "invalid_grant"));
        let body = server.requests()[0].body.clone();
        assert_eq!(body, "grant_type=refresh_token&client_id=i&client_secret=s&refresh_token=r%26");
        assert!(GoogleTokens::from_file(r#"{"type":"external_account"}"#).is_none());
    }

    #[tokio::test]
    async fn a_machine_asks_its_metadata_server() {
        let server = ModelServer::start([Reply::json(200, r#"{"access_token":"m","expires_in":100}"#)]).await;
        let host = server.base_url().replace("http://", "").replace("/v1", "");
        let env = |name: &str| (name == "GCE_METADATA_HOST").then(|| host.clone());
        let tokens = GoogleTokens::from_env(&env).expect("source");
        assert_eq!(tokens.token().await.expect("token").expose_secret(), "m");
        assert_eq!(server.requests()[0].header("metadata-flavor"), Some("Google"));
    }
}
