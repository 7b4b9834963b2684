//! Reading a request's body: bounded in bytes and in time.

use super::SurfaceOptions;
use super::answer::Refusal;
use axum::body::Body;
use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde_json::json;

/// Reads the whole body.
pub(super) async fn read(options: &SurfaceOptions, body: Body) -> Result<Bytes, Refusal> {
    let limited = Limited::new(body, options.body_max);
    match tokio::time::timeout(options.body_timeout, limited.collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.downcast_ref::<LengthLimitError>().is_some() => {
            let message = format!(
                "The body is larger than {} bytes. Send less, or raise body_max in [limits] of the server.",
                options.body_max
            );
            let body = json!({ "error": "Request body too large", "code": "body_too_large", "message": message });
            Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, body))
        }
        Ok(Err(_)) => Err(Refusal::invalid_body("the connection ended before the body did")),
        Err(_) => {
            let message = format!("The body did not arrive within {} s.", options.body_timeout.as_secs());
            let body = json!({ "error": "Request timeout", "code": "body_timeout", "message": message });
            Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, body))
        }
    }
}
