//! TLS of every outbound connection: one verifier for the process, which reads the system's certificates when a server
//! shows its own for the first time. Most servers have few peers or none that speak TLS; hundreds of files need not be
//! read for those, and one copy is enough for the others.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use rustls_platform_verifier::Verifier;
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};

/// The configuration of every client. What is in it is shared by its clones. Protocols above TLS are up to the caller.
pub(super) fn config() -> Result<ClientConfig, Error> {
    static SHARED: LazyLock<Result<ClientConfig, Error>> = LazyLock::new(|| {
        let default = || Arc::new(aws_lc_rs::default_provider());
        let provider = CryptoProvider::get_default().cloned().unwrap_or_else(default);
        let verifier =
            Arc::new(Platform { provider: Arc::clone(&provider), verifier: OnceLock::new(), read: Mutex::default() });
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
    });
    SHARED.clone()
}

/// The system's verifier, made at the first use. A failure is tried again: certificates may be put there later.
#[derive(Debug)]
struct Platform {
    provider: Arc<CryptoProvider>,
    verifier: OnceLock<Verifier>,
    /// One reads, the others wait for it.
    read: Mutex<()>,
}

impl Platform {
    fn verifier(&self) -> Result<&Verifier, Error> {
        if let Some(verifier) = self.verifier.get() {
            return Ok(verifier);
        }
        let _one = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        match self.verifier.get() {
            Some(verifier) => Ok(verifier),
            None => {
                let read = Verifier::new(Arc::clone(&self.provider))?;
                Ok(self.verifier.get_or_init(|| read))
            }
        }
    }
}

impl ServerCertVerifier for Platform {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.verifier()?.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier()?.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier()?.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
