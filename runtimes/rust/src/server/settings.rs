//! The boot variables: section 1 of the runtime contract.

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use crate::context::Identity;

const PREFIX: &str = "HANZO_FN_";
const DEFAULT_CONCURRENCY: u64 = 10;
const DEFAULT_TIMEOUT_MS: u64 = 60_000;
const DEFAULT_DRAIN_MS: u64 = 30_000;
const DEFAULT_MAX_BODY: u64 = 100 * 1024 * 1024;

/// Where the server listens.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Listen {
    Socket(PathBuf),
    Port { port: u16, host: Option<String> },
}

/// The platform's gateway and the token for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GatewaySettings {
    pub(crate) url: String,
    pub(crate) token: String,
}

#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) listen: Option<Listen>,
    pub(crate) control_token: Option<String>,
    pub(crate) source: Option<PathBuf>,
    pub(crate) identity: Identity,
    pub(crate) concurrency: usize,
    pub(crate) timeout: Duration,
    pub(crate) max_body: u64,
    pub(crate) drain: Duration,
    pub(crate) gateway: Option<GatewaySettings>,
    pub(crate) models: Option<PathBuf>,
}

/// Reads the boot variables.
pub(crate) fn read(variable: impl Fn(&str) -> Option<String>) -> Settings {
    let ours = |name: &str| variable(&format!("{PREFIX}{name}")).filter(|value| !value.is_empty());
    let number = |name: &str| ours(name).and_then(|text| text.parse::<u64>().ok());
    let counted = |name: &str, fallback| number(name).filter(|n| *n > 0).unwrap_or(fallback);
    let text = |name: &str| ours(name).unwrap_or_default();
    let port = variable("PORT").and_then(|text| text.parse().ok());
    Settings {
        listen: match (ours("SOCKET"), port) {
            (Some(path), _) => Some(Listen::Socket(PathBuf::from(path))),
            (None, Some(port)) => Some(Listen::Port {
                port,
                host: ours("HOST"),
            }),
            (None, None) => None,
        },
        control_token: ours("CONTROL_TOKEN"),
        source: ours("SOURCE").map(PathBuf::from),
        identity: Identity {
            org: text("ORG"),
            function: text("FUNCTION"),
            revision: text("REVISION"),
            instance: text("INSTANCE"),
        },
        concurrency: usize::try_from(counted("CONCURRENCY", DEFAULT_CONCURRENCY)).unwrap_or(usize::MAX),
        timeout: Duration::from_millis(counted("TIMEOUT_MS", DEFAULT_TIMEOUT_MS)),
        max_body: number("MAX_BODY_BYTES").unwrap_or(DEFAULT_MAX_BODY),
        drain: Duration::from_millis(number("DRAIN_MS").unwrap_or(DEFAULT_DRAIN_MS)),
        gateway: ours("GATEWAY").map(|url| GatewaySettings {
            url,
            token: text("GATEWAY_TOKEN"),
        }),
        models: ours("MODELS").map(PathBuf::from),
    }
}

/// Reads the boot variables of the process, takes them out of its environment and puts in what user code may know.
/// Only while the process has one thread.
pub(crate) fn take() -> Settings {
    let settings = read(|name| env::var_os(name)?.into_string().ok());
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with(PREFIX) {
            env::remove_var(name);
        }
    }
    let Identity {
        org,
        function,
        revision,
        ..
    } = &settings.identity;
    for (name, value) in [
        ("HANZO_FUNCTION", function),
        ("HANZO_REVISION", revision),
        ("HANZO_ORG", org),
        ("K_SERVICE", function),
        ("K_REVISION", revision),
        ("K_CONFIGURATION", function),
    ] {
        env::set_var(name, value);
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(given: &[(&str, &str)]) -> Settings {
        read(|name| {
            let found = given.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_socket_goes_before_a_port() {
        let both = of(&[("HANZO_FN_SOCKET", "/s"), ("PORT", "80")]);
        assert_eq!(both.listen, Some(Listen::Socket(PathBuf::from("/s"))));
        let (port, host) = (80, Some("127.0.0.1".to_owned()));
        let tcp = of(&[("PORT", "80"), ("HANZO_FN_HOST", "127.0.0.1")]);
        assert_eq!(tcp.listen, Some(Listen::Port { port, host }));
        assert_eq!(of(&[("PORT", "80000")]).listen, None);
    }

    #[test]
    fn what_is_no_number_is_the_default() {
        let settings = of(&[("HANZO_FN_CONCURRENCY", "many"), ("HANZO_FN_TIMEOUT_MS", "0")]);
        assert_eq!(settings.concurrency, 10);
        assert_eq!(settings.timeout, Duration::from_secs(60));
        assert_eq!(settings.max_body, 104_857_600);
    }
}
