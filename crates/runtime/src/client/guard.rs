//! Which addresses are public, and a name lookup that gives no others.

use super::ClientError;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A name lookup that refuses a name when it resolves to any address that is not public.
///
/// One special address is enough: a name that means both is how a guard is led around. The addresses that were checked
/// are those that are connected to, so a second answer of the name server changes nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct GuardedResolver {
    _private: (),
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let addresses = lookup(name.as_str()).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// The addresses of a name, all of them public.
pub(super) async fn lookup(name: &str) -> io::Result<Vec<SocketAddr>> {
    let addresses: Vec<SocketAddr> = tokio::net::lookup_host((name, 0)).await?.collect();
    match addresses.iter().find(|address| !is_public(address.ip())) {
        Some(address) => Err(io::Error::other(ClientError::NotPublic(format!("{name} ({})", address.ip())))),
        None => Ok(addresses),
    }
}

/// True for an address that the public internet routes; false for every special purpose range of IANA's registries
/// that can mean this machine, its networks or its cloud.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = a == 0                                  // this network, unspecified
        || address.is_private()                           // RFC 1918
        || address.is_loopback()
        || address.is_link_local()                        // cloud metadata lives here
        || (a == 100 && (64..128).contains(&b))           // carrier-grade NAT, RFC 6598
        || (a == 192 && b == 0 && c == 0)                 // IETF protocol assignments
        || address.is_documentation()
        || (a == 192 && b == 88 && c == 99)               // 6to4 relays
        || (a == 198 && (b == 18 || b == 19))             // benchmarking
        || a >= 224; // multicast, reserved, broadcast
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(inner) = embedded_v4(address) {
        return is_public_v4(inner);
    }
    let first = address.segments()[0];
    let second = address.segments()[1];
    let global_unicast = first & 0xe000 == 0x2000; // all else is loopback, ULA, link-local, multicast or unassigned
    // Under 2001::/16: IETF protocol assignments, Teredo and ORCHID among them, and documentation.
    let special = (first == 0x2001 && matches!(second, 0..0x0200 | 0x0db8)) || (first == 0x3fff && second < 0x1000);
    global_unicast && !special
}

/// The IPv4 address that an IPv6 one stands for: mapped, compatible, NAT64 and 6to4.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let s = address.segments();
    let v4 = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match s {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] => Some(v4(high, low)),
        [0, 0, 0, 0, 0xffff, 0, high, low] => Some(v4(high, low)),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(v4(high, low)),
        [0x2002, high, low, ..] => Some(v4(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn public(text: &str) -> bool {
        is_public(text.parse().expect(text))
    }

    #[test]
    fn special_addresses_are_not_public() {
        for text in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.0.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.1.1.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:0:7f00:1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2002:a9fe:a9fe::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "2001:20::1",
            "3fff::1",
            "100::1",
            "4000::1",
        ] {
            assert!(!public(text), "{text} must not be public");
        }
    }

    #[test]
    fn ordinary_addresses_are_public() {
        for text in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.17.0.1",
            "198.20.0.1",
            "223.255.255.1",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2002:808:808::1",
            "2606:4700:4700::1111",
            "2a00:1450:4001::200e",
            "2001:4860:4860::8888",
        ] {
            assert!(public(text), "{text} must be public");
        }
    }
}
