//! Bedrock's Converse API: one dialect for the models of many vendors, over AWS's binary event stream.

mod codec;
mod credentials;
mod event;
mod frames;
mod parts;
mod request;

pub use codec::ConverseCodec;
pub use credentials::{AwsCredentials, Sigv4};
pub use frames::Frames;
pub use request::body;

/// The vendor in envelopes.
const BEDROCK: &str = "bedrock";
/// The kind of a signature of thinking in an envelope.
const THINKING: &str = "thinking";
/// The kind of thinking that is not readable at all.
const REDACTED: &str = "redacted_thinking";

/// Where Bedrock is in a region.
pub fn base_url(region: &str) -> String {
    let suffix = match region {
        region if region.starts_with("cn-") => "amazonaws.com.cn",
        region if region.starts_with("us-iso-") => "c2s.ic.gov",
        region if region.starts_with("us-isob-") => "sc2s.sgov.gov",
        region if region.starts_with("eu-isoe-") => "cloud.adc-e.uk",
        region if region.starts_with("us-isof-") => "csp.hci.ic.gov",
        region if region.starts_with("eusc-") => "amazonaws.eu",
        _ => "amazonaws.com",
    };
    format!("https://bedrock-runtime.{region}.{suffix}")
}
