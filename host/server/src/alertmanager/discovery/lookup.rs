//! One question to the DNS: by the system's resolver where that can answer it, by one of our own for SRV records and
//! where the config names a server.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};

use crate::config::DnsRecords;

/// How long one try may take. A try that is lost is made again.
const TRY: Duration = Duration::from_secs(2);
const TRIES: usize = 2;

/// Something that an answer points to.
#[derive(Debug, PartialEq)]
pub(super) struct Target {
    /// The name that it is called by.
    pub(super) host: String,
    pub(super) port: u16,
    /// Where that is. None: where the system says.
    pub(super) addresses: Vec<IpAddr>,
}

/// How names are looked up.
pub(super) struct Lookup {
    records: DnsRecords,
    resolver: Option<SocketAddr>,
}

impl Lookup {
    pub(super) fn new(records: DnsRecords, resolver: Option<SocketAddr>) -> Lookup {
        Lookup { records, resolver }
    }

    /// What a name points to.
    pub(super) async fn targets(&self, name: &str) -> Result<Vec<Target>, String> {
        let (port, ipv6) = match self.records {
            DnsRecords::Srv => return self.services(name).await,
            DnsRecords::A(port) => (port, false),
            DnsRecords::Aaaa(port) => (port, true),
        };
        let mut addresses = match self.resolver {
            Some(server) => by(server)?.addresses(name, ipv6).await?,
            None => of_the_system(name, ipv6).await?,
        };
        // The order in an answer changes each time.
        addresses.sort_unstable();
        addresses.dedup();
        let host = name.trim_end_matches('.').to_ascii_lowercase();
        Ok(addresses.into_iter().map(|at| Target { host: host.clone(), port, addresses: vec![at] }).collect())
    }

    /// SRV records (RFC 2782): names with ports. Priority and weight are about choosing one, and here all are wanted.
    async fn services(&self, name: &str) -> Result<Vec<Target>, String> {
        let resolver = match self.resolver {
            Some(server) => by(server)?,
            None => Resolver(built(TokioResolver::builder_tokio().map_err(|error| error.to_string())?)?, None),
        };
        let mut targets = Vec::new();
        for (host, port) in resolver.services(name).await? {
            let mut addresses = Vec::new();
            if resolver.1.is_some() {
                // Whom the config names for the one question is asked the other as well.
                addresses.extend(resolver.addresses(&host, false).await.unwrap_or_default());
                addresses.extend(resolver.addresses(&host, true).await.unwrap_or_default());
                if addresses.is_empty() {
                    return Err(format!("it points to {host}, which has no address"));
                }
                addresses.sort_unstable();
            }
            targets.push(Target { host, port, addresses });
        }
        targets.sort_unstable_by(|one, other| (&one.host, one.port).cmp(&(&other.host, other.port)));
        Ok(targets)
    }
}

async fn of_the_system(name: &str, ipv6: bool) -> Result<Vec<IpAddr>, String> {
    let found = tokio::net::lookup_host((name, 0)).await.map_err(|error| error.to_string())?;
    Ok(found.map(|at| at.ip()).filter(|at| at.is_ipv6() == ipv6).collect())
}

/// A resolver, and the server that it asks where that is not the system's choice.
struct Resolver(TokioResolver, Option<SocketAddr>);

/// A resolver that asks one server and nobody else.
fn by(server: SocketAddr) -> Result<Resolver, String> {
    let mut asked = NameServerConfig::udp_and_tcp(server.ip());
    for connection in &mut asked.connections {
        connection.port = server.port();
    }
    let config = ResolverConfig::from_name_servers(vec![asked]);
    let builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    Ok(Resolver(built(builder)?, Some(server)))
}

fn built(mut builder: hickory_resolver::ResolverBuilder<TokioRuntimeProvider>) -> Result<TokioResolver, String> {
    let options = builder.options_mut();
    (options.timeout, options.attempts) = (TRY, TRIES);
    // Names are looked up when the config says so; a cache would only make that later.
    options.cache_size = 0;
    builder.build().map_err(|error| error.to_string())
}

impl Resolver {
    async fn addresses(&self, name: &str, ipv6: bool) -> Result<Vec<IpAddr>, String> {
        let records = if ipv6 { RecordType::AAAA } else { RecordType::A };
        let found = self.answers(name, records).await?;
        let address = |record: RData| match record {
            RData::A(at) => Some(IpAddr::V4(at.0)),
            RData::AAAA(at) => Some(IpAddr::V6(at.0)),
            _ => None,
        };
        Ok(found.into_iter().filter_map(address).collect())
    }

    async fn services(&self, name: &str) -> Result<Vec<(String, u16)>, String> {
        let found = self.answers(name, RecordType::SRV).await?;
        let service = |record: RData| match record {
            // A target of "." says that there is no such service.
            RData::SRV(srv) if !srv.target.is_root() => {
                let host = srv.target.to_ascii().trim_end_matches('.').to_ascii_lowercase();
                Some((host, srv.port))
            }
            _ => None,
        };
        Ok(found.into_iter().filter_map(service).collect())
    }

    async fn answers(&self, name: &str, records: RecordType) -> Result<Vec<RData>, String> {
        // A server of its own knows nothing of this machine's search domains.
        let name = match self.1 {
            Some(_) => format!("{}.", name.trim_end_matches('.')),
            None => name.to_owned(),
        };
        let answer = self.0.lookup(name.as_str(), records).await.map_err(|error| match self.1 {
            Some(server) => format!("asked {server} for {records} records of {name}: {error}"),
            None => format!("asked for {records} records of {name}: {error}"),
        })?;
        Ok(answer.answers().iter().map(|record| record.data.clone()).collect())
    }
}
