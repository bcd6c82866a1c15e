//! What the processes of an instance listen on, as the kernel says.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::Instance;
use crate::process::{self, PART, Process};

/// One listening socket with its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// The part that the process belongs to, or its program's name.
    pub part: String,
    pub pid: i32,
    pub address: SocketAddr,
}

impl Listener {
    /// Whether only this machine can reach it.
    pub fn local(&self) -> bool {
        self.address.ip().to_canonical().is_loopback()
    }
}

/// Every TCP port that a process of the instance listens on.
pub fn of(instance: &Instance) -> Vec<Listener> {
    let sockets = listening_sockets();
    let mut found = Vec::new();
    for process in process::of_instance(&instance.home) {
        let part = process.variable(PART).unwrap_or_else(|| process.program());
        let addresses = process.sockets().into_iter().filter_map(|inode| sockets.get(&inode));
        found.extend(addresses.map(|address| Listener {
            part: part.clone(),
            pid: process.pid,
            address: *address,
        }));
    }
    found.sort_by_key(|listener| (listener.address, listener.pid));
    // A server's children inherit its sockets.
    found.dedup_by_key(|listener| listener.address);
    found
}

/// The process that listens on a port, as far as this user may see.
pub fn holder(port: u16) -> Option<Process> {
    let mut sockets = listening_sockets();
    sockets.retain(|_, address| address.port() == port);
    process::all()
        .into_iter()
        .find(|process| process.sockets().iter().any(|inode| sockets.contains_key(inode)))
}

/// What listens on this machine, by inode.
fn listening_sockets() -> HashMap<u64, SocketAddr> {
    // A machine without IPv6 has no second table.
    let tables =
        ["/proc/net/tcp", "/proc/net/tcp6"].map(|table| std::fs::read_to_string(table).unwrap_or_default());
    tables.iter().flat_map(|table| listening(table)).collect()
}

/// Inode and address of what listens, out of a table of the form of /proc/net/tcp.
fn listening(table: &str) -> Vec<(u64, SocketAddr)> {
    const LISTEN: &str = "0A";
    let rows = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.filter(|fields| fields.len() > 9 && fields[3] == LISTEN)
        .filter_map(|fields| Some((fields[9].parse().ok()?, address(fields[1])?)))
        .collect()
}

/// `0100007F:1F90`: words of four bytes as this machine holds them, and the port as people write it.
fn address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let mut bytes = Vec::new();
    for start in (0..address.len()).step_by(8) {
        let word = u32::from_str_radix(address.get(start..start + 8)?, 16).ok()?;
        bytes.extend(word.to_ne_bytes());
    }
    let address = match bytes.len() {
        4 => IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?)),
        16 => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?)),
        _ => return None,
    };
    Some(SocketAddr::new(address, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_the_kernel_writes_them() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1 0\n\
            1: 00000000:0F0B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12 1 0\n\
            2: 0100007F:1F91 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 13 1 0\n\
            3: 00000000000000000000000001000000:1F92 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 14 1\n\
            4: 0000000000000000FFFF00000100007F:1F93 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 15 1\n\
            5: 00000000000000000000000000000000:1F94 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 16 1\n";
        let found = listening(table);
        let texts: Vec<String> = found.iter().map(|(inode, address)| format!("{inode} {address}")).collect();
        assert_eq!(
            texts,
            [
                "11 127.0.0.1:8080",
                "12 0.0.0.0:3851",
                "14 [::1]:8082",
                "15 [::ffff:127.0.0.1]:8083",
                "16 [::]:8084"
            ]
        );
        let local = |(_, address): &(u64, SocketAddr)| {
            Listener { part: String::new(), pid: 0, address: *address }.local()
        };
        assert_eq!(found.iter().map(local).collect::<Vec<_>>(), [true, false, true, true, false]);
    }

    #[test]
    fn whoever_listens_on_a_port_is_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let found = holder(listener.local_addr().unwrap().port()).unwrap();
        assert_eq!(u32::try_from(found.pid).unwrap(), std::process::id());
    }
}
