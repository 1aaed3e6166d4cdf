//! Which addresses are the public's: everything else is inside somebody's walls, ours as likely as not.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// `10.0.0.0/8`, `fd00::/8`, or a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    base: u128,
    bits: u8,
}

/// Where clouds tell machines who they are: reached only where it is named by itself.
const METADATA: [IpAddr; 4] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
];

/// Reserved blocks of IPv4 (IANA's registry of special purposes), multicast among them.
const RESERVED_V4: [(Ipv4Addr, u32); 15] = [
    (Ipv4Addr::UNSPECIFIED, 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// Blocks within `2000::/3` that aren't the public's: Teredo and other protocols, documentation, 6to4.
const RESERVED_V6: [(Ipv6Addr, u32); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

impl Network {
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().ok()?;
        let (widest, offset) = if address.is_ipv4() { (32, 96) } else { (128, 0) };
        let bits = prefix.map_or(Some(widest), |bits| bits.parse::<u8>().ok()).filter(|bits| *bits <= widest)?;
        let bits = bits + offset;
        Some(Self { base: number(address) & mask(bits), bits })
    }

    fn contains(self, address: IpAddr) -> bool {
        number(address) & mask(self.bits) == self.base
    }

    fn is(self, address: IpAddr) -> bool {
        self.bits == 128 && self.contains(address)
    }
}

/// Whether an address may be connected to: a public one, or one of these networks.
pub(super) fn permitted(address: IpAddr, private: &[Network]) -> bool {
    let address = unwrapped(address);
    if METADATA.contains(&address) {
        return private.iter().any(|network| network.is(address));
    }
    is_public(address) || private.iter().any(|network| network.contains(address))
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !RESERVED_V4.iter().any(|(base, bits)| {
            let mask = u32::MAX << (32 - bits);
            u32::from(v4) & mask == u32::from(*base)
        }),
        IpAddr::V6(v6) => {
            let within = |base: Ipv6Addr, bits: u32| u128::from(v6) >> (128 - bits) == u128::from(base) >> (128 - bits);
            within(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3)
                && !RESERVED_V6.iter().any(|(base, bits)| within(*base, *bits))
        }
    }
}

/// An address of IPv4 within one of IPv6 (mapped, or behind a NAT64) is what it stands for.
fn unwrapped(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    if let Some(v4) = v6.to_ipv4_mapped() {
        return v4.into();
    }
    match v6.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)).into(),
        _ => address,
    }
}

fn number(address: IpAddr) -> u128 {
    match unwrapped(address) {
        IpAddr::V4(v4) => u128::from(v4.to_ipv6_mapped()),
        IpAddr::V6(v6) => u128::from(v6),
    }
}

fn mask(bits: u8) -> u128 {
    if bits == 0 { 0 } else { u128::MAX << (128 - u32::from(bits)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn public(text: &str) -> bool {
        permitted(text.parse().unwrap(), &[])
    }

    #[test]
    fn only_public_addresses_are_the_publics() {
        for good in ["8.8.8.8", "1.1.1.1", "100.128.0.1", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8"] {
            assert!(public(good), "{good}");
        }
        assert!(public("64:ff9b::808:808"), "behind a NAT64 it is what it stands for");
        for bad in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.168.1.1",
            "198.18.0.1",
            "192.88.99.1",
            "203.0.113.7",
            "224.0.0.1",
            "239.255.255.250",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::7f00:1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "100::1",
            "4000::1",
        ] {
            assert!(!public(bad), "{bad}");
        }
    }

    #[test]
    fn networks_that_are_named_are_let_in_and_the_metadata_only_by_itself() {
        let networks = ["127.0.0.0/8", "169.254.0.0/16", "fd00::/8"].map(|text| Network::parse(text).unwrap());
        let inside = |text: &str| permitted(text.parse().unwrap(), &networks);
        assert!(inside("127.0.0.1") && inside("::ffff:127.0.0.1") && inside("fd12::1") && inside("169.254.1.1"));
        assert!(!inside("10.0.0.1") && !inside("::1"));
        assert!(!inside("169.254.169.254") && !inside("fd00:ec2::254"), "not by a network around it");
        let itself = [Network::parse("169.254.169.254").unwrap()];
        assert!(permitted("169.254.169.254".parse().unwrap(), &itself));
        for bad in ["", "10.0.0.0/33", "x", "10.0.0/8", "::/129"] {
            assert_eq!(Network::parse(bad), None, "{bad}");
        }
    }
}
