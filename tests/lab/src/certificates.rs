//! The lab's certificate authority, the API server's certificate, the key of service account tokens.

use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose};

use crate::error::{Error, Result};
use crate::places::write;

/// The authority that clients trust.
#[derive(Debug, Clone)]
pub(crate) struct Authority {
    pub(crate) pem: String,
    pub(crate) der: Vec<u8>,
}

/// Writes `ca.crt`, `tls.crt`, `tls.key`, `service-account.key` and `service-account.pub` into the folder. `address` is where
/// the API server can be reached beside the local one; then the certificate by which a kubelet knows the API server is
/// written too, `kubelet-client.crt` and `kubelet-client.key`.
pub(crate) fn write_all(folder: &Path, address: Option<&str>) -> Result<Authority> {
    let made = make(address).map_err(|error| Error::Certificates(error.to_string()))?;
    write(&folder.join("ca.crt"), &made.authority.pem)?;
    write(&folder.join("tls.crt"), &made.serving_certificate)?;
    write(&folder.join("tls.key"), &made.serving_key)?;
    write(&folder.join("service-account.key"), &made.token_key)?;
    write(&folder.join("service-account.pub"), &made.token_public_key)?;
    if let Some((certificate, key)) = &made.kubelet_client {
        write(&folder.join("kubelet-client.crt"), certificate)?;
        write(&folder.join("kubelet-client.key"), key)?;
    }
    Ok(made.authority)
}

struct Made {
    authority: Authority,
    serving_certificate: String,
    serving_key: String,
    token_key: String,
    token_public_key: String,
    kubelet_client: Option<(String, String)>,
}

fn make(address: Option<&str>) -> std::result::Result<Made, rcgen::Error> {
    let mut authority = CertificateParams::new(Vec::<String>::new())?;
    authority.distinguished_name.push(DnType::CommonName, "kopnams lab");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    let authority_key = KeyPair::generate()?;
    let certificate = authority.self_signed(&authority_key)?;
    let issuer = Issuer::new(authority, authority_key);

    // 10.0.0.1 is the first address of the service range: the API server as pods see it.
    let names = ["127.0.0.1", "10.0.0.1", "localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"];
    let mut serving = CertificateParams::new(names.into_iter().chain(address).map(str::to_owned).collect::<Vec<_>>())?;
    serving.distinguished_name.push(DnType::CommonName, "kube-apiserver");
    serving.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let serving_key = KeyPair::generate()?;
    let serving_certificate = serving.signed_by(&serving_key, &issuer)?;

    let kubelet_client = address.map(|_| {
        let mut client = CertificateParams::new(Vec::<String>::new())?;
        client.distinguished_name.push(DnType::CommonName, "kube-apiserver-kubelet-client");
        client.distinguished_name.push(DnType::OrganizationName, "system:masters");
        client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate()?;
        Ok::<_, rcgen::Error>((client.signed_by(&key, &issuer)?.pem(), key.serialize_pem()))
    });
    let kubelet_client = kubelet_client.transpose()?;

    let token_key = KeyPair::generate()?;
    Ok(Made {
        authority: Authority { pem: certificate.pem(), der: certificate.der().to_vec() },
        serving_certificate: serving_certificate.pem(),
        serving_key: serving_key.serialize_pem(),
        token_key: token_key.serialize_pem(),
        token_public_key: token_key.public_key_pem(),
        kubelet_client,
    })
}
