//! Where a name in a URL leads to, where that is not what the system's resolver says of it.
//!
//! A certificate is checked against the name in the URL, so an endpoint that is reached at one place and proves itself
//! under another name has that name in its URL, and this says where it leads.

use std::io;
use std::net::{IpAddr, SocketAddr};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// One name with a place of its own. Every other name is looked up as always.
#[derive(Clone, Debug)]
pub(super) struct Towards {
    pub(super) name: String,
    pub(super) place: Place,
}

/// Where to connect to.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Place {
    /// A name, looked up for each connection.
    Name(String),
    /// Fixed addresses, of which the first that answers is taken.
    Addresses(Vec<IpAddr>),
}

impl Place {
    /// Where a URL leads to by itself.
    pub(super) fn of(url: &Url) -> Option<Place> {
        let host = url.host_str()?;
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        Some(bare.parse().map_or_else(|_| Place::Name(bare.to_owned()), |address| Place::Addresses(vec![address])))
    }
}

impl Resolve for Towards {
    fn resolve(&self, name: Name) -> Resolving {
        let place = match name.as_str().eq_ignore_ascii_case(&self.name) {
            true => self.place.clone(),
            false => Place::Name(name.as_str().to_owned()),
        };
        Box::pin(async move {
            // The port is the URL's.
            let found: Vec<SocketAddr> = match place {
                Place::Addresses(addresses) => {
                    addresses.into_iter().map(|address| SocketAddr::new(address, 0)).collect()
                }
                Place::Name(name) => tokio::net::lookup_host((name.as_str(), 0)).await?.collect(),
            };
            if found.is_empty() {
                return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address").into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
