//! Signed requests to an S3 server or its administration: what restic itself has no words for.

use super::super::work::{Class, Repository};
use super::failure::{Failure, Outcome};
use super::restic::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes that are kept ready for an answer at most; a longer one makes room as it comes.
const ROOM: usize = 256 << 20;
/// How often an answer is asked for again, and after how long.
const AGAIN: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// A client for one server.
#[derive(Debug)]
pub struct S3 {
    endpoint: String,
    region: String,
    credentials: Credentials,
    http: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    runtime: tokio::runtime::Runtime,
}

/// One request.
#[derive(Clone, Debug, Default)]
pub struct Ask<'a> {
    /// The method.
    pub method: &'a str,
    /// The path, not encoded.
    pub path: &'a str,
    /// The query, not encoded.
    pub query: &'a [(&'a str, &'a str)],
    /// Headers; those of the signature are added.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body.
    pub body: Bytes,
}

/// What a server says.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: String,
}

impl Answer {
    /// Whether it did what it was asked.
    #[must_use]
    pub const fn is_fine(&self) -> bool {
        self.status >= 200 && self.status < 300
    }

    /// The name of the error.
    #[must_use]
    pub fn code(&self) -> String {
        element(&self.body, "Code")
    }

    /// An error unless it did what it was asked, or cannot because of one of these.
    pub fn unless(self, doing: &str, fine: &[&str]) -> Outcome<Self> {
        let code = self.code();
        if self.is_fine() || fine.contains(&code.as_str()) {
            return Ok(self);
        }
        let class = match self.status {
            401 | 403 => Class::Refused,
            500 | 502..=504 | 429 => Class::Unreachable,
            507 => Class::NoSpace,
            _ => Class::Other,
        };
        let message = element(&self.body, "Message");
        let said = [code, message].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(", ");
        Err(Failure::new(class, format!("{doing} failed: the target answered {} {said}.", self.status)))
    }
}

/// The text of the first element of this name.
fn element(xml: &str, name: &str) -> String {
    let Ok(document) = roxmltree::Document::parse(xml) else { return String::new() };
    let found = document.descendants().find(|node| node.tag_name().name() == name);
    found.and_then(|node| node.text()).unwrap_or_default().to_owned()
}

impl S3 {
    /// A client for an endpoint of a repository's target.
    pub fn new(endpoint: &str, repository: &Repository, credentials: &Credentials) -> Outcome<Self> {
        let other = |what: String| Failure::new(Class::Other, what);
        let mut roots = rustls::RootCertStore::empty();
        // One that cannot be read is not trusted, and a server that needs it will be refused.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        for certificate in CertificateDer::pem_slice_iter(repository.ca_bundle.as_deref().unwrap_or_default().as_bytes()) {
            let certificate = certificate.map_err(|error| Failure::order(format!("The target's certificates cannot be read: {error}.")))?;
            roots.add(certificate).map_err(|error| Failure::order(format!("A certificate of the target cannot be used: {error}.")))?;
        }
        let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| other(format!("TLS cannot be set up: {error}.")))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::local("Starting the client", &error))?;
        Ok(Self {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            region: if repository.region.is_empty() { "us-east-1".to_owned() } else { repository.region.clone() },
            credentials: credentials.clone(),
            http: Client::builder(TokioExecutor::new()).build(connector),
            runtime,
        })
    }

    /// Asks, a few times if the server does not answer or answers with an error of its own.
    pub fn ask(&self, ask: &Ask<'_>) -> Outcome<Answer> {
        let (status, body) = self.fetch(ask, PATIENCE, usize::MAX)?;
        Ok(Answer { status, body: String::from_utf8_lossy(&body).into_owned() })
    }

    /// The same for an answer that is no text: its status and at most so many bytes, each time within a time of its own.
    pub(super) fn fetch(&self, ask: &Ask<'_>, patience: Duration, most: usize) -> Outcome<(u16, Bytes)> {
        let mut pauses = AGAIN.into_iter();
        loop {
            let answer = self.runtime.block_on(async { tokio::time::timeout(patience, self.once(ask, most)).await });
            let answer = answer.unwrap_or_else(|_| Err(Failure::new(Class::Unreachable, "The target does not answer in time.")));
            let again = match &answer {
                Ok((status, _)) => matches!(status, 500 | 502..=504 | 429),
                Err(failure) => failure.class == Class::Unreachable,
            };
            match pauses.next().filter(|_| again) {
                Some(pause) => std::thread::sleep(pause),
                None => return answer,
            }
        }
    }

    async fn once(&self, ask: &Ask<'_>, most: usize) -> Outcome<(u16, Bytes)> {
        let request = self.signed(ask)?;
        let unreachable = |error: String| Failure::new(Class::Unreachable, format!("The target does not answer: {error}."));
        let answer = self.http.request(request).await.map_err(|error| {
            // The cause is what tells a name that is not known from a port that is closed.
            let cause = std::error::Error::source(&error).map(|cause| format!(", {cause}")).unwrap_or_default();
            unreachable(format!("{error}{cause}"))
        })?;
        let status = answer.status().as_u16();
        let mut body = answer.into_body();
        let told = Body::size_hint(&body).exact().and_then(|size| usize::try_from(size).ok()).unwrap_or_default();
        // Room for all of it at once: growing would hold it twice.
        let mut bytes = Vec::with_capacity(told.min(most).min(ROOM));
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|error| unreachable(error.to_string()))?.into_data() else { continue };
            if data.len() > most - bytes.len() {
                return Err(Failure::new(
                    Class::Other,
                    format!("The target answers with more than the {most} bytes that there should be."),
                ));
            }
            bytes.extend_from_slice(&data);
        }
        Ok((status, bytes.into()))
    }

    fn signed(&self, ask: &Ask<'_>) -> Outcome<http::Request<Full<Bytes>>> {
        let wrong = |what: String| Failure::new(Class::Other, format!("A request to the target cannot be made: {what}."));
        let mut uri = format!("{}{}", self.endpoint, encoded(ask.path, true));
        for (number, (name, value)) in ask.query.iter().enumerate() {
            // Writing to a string does not fail.
            let _ = write!(uri, "{}{}={}", if number == 0 { '?' } else { '&' }, encoded(name, false), encoded(value, false));
        }
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let Credentials { access_key, secret_key } = &self.credentials;
        let identity = aws_credential_types::Credentials::new(access_key, secret_key, None, None, "kopnams").into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("s3")
            .time(SystemTime::now())
            .settings(settings)
            .build()
            .map_err(|error| wrong(error.to_string()))?
            .into();
        let body = &ask.body;
        // Whatever destroys or locks is refused without a checksum.
        let sum = STANDARD.encode(Sha256::digest(body));
        let mut headers = ask.headers.to_vec();
        if !body.is_empty() {
            headers.push(("x-amz-checksum-sha256", &sum));
        }
        let signable = SignableRequest::new(ask.method, &uri, headers.iter().copied(), SignableBody::Bytes(body))
            .map_err(|error| wrong(error.to_string()))?;
        let (instructions, _) = sign(signable, &params).map_err(|error| wrong(error.to_string()))?.into_parts();
        let mut request = http::Request::builder().method(ask.method).uri(&uri);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let mut request = request.body(Full::new(body.clone())).map_err(|error| wrong(error.to_string()))?;
        instructions.apply_to_request_http1x(&mut request);
        Ok(request)
    }

    /// Deletes every version and marker below a prefix, and says how many.
    pub fn empty(&self, bucket: &str, prefix: &str) -> Outcome<usize> {
        let path = format!("/{bucket}");
        let mut gone = 0;
        loop {
            let versions = Ask { method: "GET", path: &path, query: &[("versions", ""), ("prefix", prefix)], ..Ask::default() };
            let mut answer = self.ask(&versions)?;
            if answer.status == 501 || answer.code() == "VersioningNotConfigured" {
                // There are none: then the objects are all that there is.
                answer = self.ask(&Ask { query: &[("list-type", "2"), ("prefix", prefix)], ..versions })?;
            }
            let answer = answer.unless("Listing what is to be destroyed", &["NoSuchBucket"])?;
            let found = if answer.is_fine() { objects(&answer.body)? } else { Vec::new() };
            if found.is_empty() {
                return Ok(gone);
            }
            for some in found.chunks(1000) {
                self.delete(&path, some)?;
                gone += some.len();
            }
        }
    }

    /// Deletes objects, each with its version, or with none whatever the newest is; at most 1,000.
    pub(super) fn delete(&self, path: &str, objects: &[(String, String)]) -> Outcome<()> {
        let mut body = r#"<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Quiet>true</Quiet>"#.to_owned();
        for (key, version) in objects {
            // Writing to a string does not fail.
            let _ = write!(body, "<Object><Key>{}</Key>", escaped(key));
            if !version.is_empty() {
                let _ = write!(body, "<VersionId>{}</VersionId>", escaped(version));
            }
            body.push_str("</Object>");
        }
        body.push_str("</Delete>");
        let ask = Ask { method: "POST", path, query: &[("delete", "")], headers: &[], body: body.into() };
        let answer = self.ask(&ask)?.unless("Destroying what the repository holds", &[])?;
        kept(&answer.body)
    }
}

/// What an answer to the destruction of objects says of those that stay: it is fine even if some do.
fn kept(xml: &str) -> Outcome<()> {
    let document = roxmltree::Document::parse(xml)
        .map_err(|error| Failure::new(Class::Other, format!("The target's answer to what is to be destroyed cannot be read: {error}.")))?;
    let class = |error: roxmltree::Node<'_, '_>| match field(error, "Code").as_str() {
        "AccessDenied" | "ObjectLocked" | "MethodNotAllowed" => Class::Refused,
        "InternalError" | "ServiceUnavailable" | "SlowDown" => Class::Unreachable,
        _ => Class::Other,
    };
    let errors: Vec<_> = document.root_element().children().filter(|node| node.tag_name().name() == "Error").collect();
    // What is locked is refused for long, and all else is to be told before it.
    let Some(worst) = errors.iter().find(|error| class(**error) != Class::Refused).or(errors.first()) else { return Ok(()) };
    let (class, code, message) = (class(*worst), field(*worst, "Code"), field(*worst, "Message"));
    let why = if class == Class::Refused { ", for versions are locked or not to be touched" } else { "" };
    Err(Failure::new(class, format!("{} objects could not be destroyed{why}: {code}, {message}.", errors.len())))
}

/// Keys and versions in a listing.
fn objects(xml: &str) -> Outcome<Vec<(String, String)>> {
    let document = roxmltree::Document::parse(xml)
        .map_err(|error| Failure::new(Class::Other, format!("The target's list of versions cannot be read: {error}.")))?;
    let entries =
        document.root_element().children().filter(|node| matches!(node.tag_name().name(), "Version" | "DeleteMarker" | "Contents"));
    Ok(entries.map(|entry| (field(entry, "Key"), field(entry, "VersionId"))).collect())
}

/// Keys and sizes in a listing of objects.
pub(crate) fn sizes(xml: &str) -> Outcome<Vec<(String, usize)>> {
    let document = roxmltree::Document::parse(xml)
        .map_err(|error| Failure::new(Class::Other, format!("The target's list of objects cannot be read: {error}.")))?;
    let objects = document.root_element().children().filter(|node| node.tag_name().name() == "Contents");
    Ok(objects.filter_map(|object| Some((field(object, "Key"), field(object, "Size").parse().ok()?))).collect())
}

/// The text of a child of a node.
pub(super) fn field(node: roxmltree::Node<'_, '_>, name: &str) -> String {
    node.children().find(|child| child.tag_name().name() == name).and_then(|child| child.text()).unwrap_or_default().to_owned()
}

/// A text inside XML.
#[must_use]
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A text in an address, as S3 signs it.
fn encoded(text: &str, path: bool) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || path && byte == b'/' {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_markers_are_found() {
        let xml = r#"<?xml version="1.0"?><ListVersionsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name>
            <Version><Key>a&amp;b</Key><VersionId>1</VersionId></Version><DeleteMarker><Key>c</Key><VersionId>2</VersionId></DeleteMarker>
            <IsTruncated>false</IsTruncated></ListVersionsResult>"#;
        assert_eq!(objects(xml).unwrap(), [("a&b".to_owned(), "1".to_owned()), ("c".to_owned(), "2".to_owned())]);
        assert!(objects("<no").is_err());
    }

    #[test]
    fn answers_are_told_apart() {
        let answer = |status, code: &str| Answer { status, body: format!("<Error><Code>{code}</Code><Message>why</Message></Error>") };
        let class = |answer: Answer| answer.unless("It", &["NoSuchBucket"]).map(|_| ()).map_err(|failure| failure.class);
        assert_eq!(class(answer(200, "")), Ok(()));
        assert_eq!(class(answer(404, "NoSuchBucket")), Ok(()));
        assert_eq!(class(answer(404, "NoSuchKey")), Err(Class::Other));
        assert_eq!(class(answer(403, "AccessDenied")), Err(Class::Refused));
        assert_eq!(class(answer(503, "SlowDown")), Err(Class::Unreachable));
        assert_eq!(class(Answer { status: 502, body: "<html>".into() }), Err(Class::Unreachable));
    }

    #[test]
    fn only_what_is_locked_is_called_so() {
        let told = |codes: &[&str]| {
            let errors: Vec<String> =
                codes.iter().map(|code| format!("<Error><Key>k</Key><Code>{code}</Code><Message>m</Message></Error>")).collect();
            let xml = format!(r#"<DeleteResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{}</DeleteResult>"#, errors.concat());
            kept(&xml).map_err(|failure| failure.class)
        };
        assert_eq!(told(&[]), Ok(()));
        assert_eq!(told(&["AccessDenied", "ObjectLocked"]), Err(Class::Refused));
        assert_eq!(told(&["AccessDenied", "SlowDown"]), Err(Class::Unreachable));
        assert_eq!(told(&["MalformedXML"]), Err(Class::Other));
        assert_eq!(kept("<html>").map_err(|failure| failure.class), Err(Class::Other));
        assert_eq!(kept("<DeleteResult><Deleted><Key>k</Key></Deleted></DeleteResult>"), Ok(()));
    }

    #[test]
    fn addresses_and_xml_hold_any_text() {
        assert_eq!(encoded("/a b/ā", true), "/a%20b/%C4%81");
        assert_eq!(encoded("a/b", false), "a%2Fb");
        assert_eq!(escaped("<a & \"b\">"), "&lt;a &amp; &quot;b&quot;&gt;");
    }
}
