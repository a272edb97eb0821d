//! Tests against a name server of a few lines that counts its questions.

#![allow(clippy::unwrap_used)]

use std::net::UdpSocket;
use std::sync::atomic::AtomicUsize;

use super::*;

/// Answers every A question for `a.test` with two addresses, everything else with NXDOMAIN.
fn server() -> (std::net::SocketAddr, Arc<AtomicUsize>) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    std::thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            count.fetch_add(1, Ordering::Relaxed);
            let end = 12 + buffer[12..length].iter().position(|b| *b == 0).unwrap() + 5;
            let is_known = buffer[12..end].to_ascii_lowercase().starts_with(b"\x01a\x04test\x00\x00\x01");
            let mut reply = buffer[..2].to_vec();
            reply.extend([0x81, if is_known { 0x80 } else { 0x83 }, 0, 1, 0, if is_known { 2 } else { 0 }, 0, 0, 0, 0]);
            reply.extend(&buffer[12..end]);
            for last in 1..=2 {
                if is_known {
                    reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, last]);
                }
            }
            socket.send_to(&reply, from).unwrap();
        }
    });
    (address, asked)
}

async fn resolve(resolver: &Arc<Resolver>, name: &str) -> Result<Vec<IpAddr>, DnsError> {
    let answer = match resolver.lookup(name) {
        Lookup::Now(answer) => answer,
        Lookup::Later(pending) => pending.answer().await,
    };
    (*answer).clone().map(|records| records.iter().map(|record| record.address).collect())
}

#[tokio::test]
async fn asks_once_and_remembers() {
    let (server, asked) = server();
    let settings = DnsSettings { servers: vec![server], order: vec![RecordKind::A], ..DnsSettings::default() };
    let resolver = Resolver::new(settings, Handle::current()).unwrap();
    let want: Vec<IpAddr> = vec!["127.0.0.1".parse().unwrap(), "127.0.0.2".parse().unwrap()];
    let (first, second) = tokio::join!(resolve(&resolver, "a.test"), resolve(&resolver, "a.test"));
    assert_eq!((first.unwrap(), second.unwrap()), (want.clone(), want));
    assert!(matches!(resolver.lookup("a.test"), Lookup::Now(_)));
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    assert_eq!(resolve(&resolver, "b.test").await, Err(DnsError::NotFound));
    assert_eq!(resolve(&resolver, "b.test").await, Err(DnsError::NotFound));
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn addresses_need_no_server() {
    let settings = DnsSettings { servers: vec!["127.0.0.1:1".parse().unwrap()], ..DnsSettings::default() };
    let resolver = Resolver::new(settings, Handle::current()).unwrap();
    for (name, want) in [("127.0.0.9", "127.0.0.9"), ("[::1]", "::1"), ("::1", "::1"), ("localhost", "127.0.0.1")] {
        assert!(matches!(resolver.lookup(name), Lookup::Now(_)), "{name}");
        assert_eq!(resolve(&resolver, name).await.unwrap(), [want.parse::<IpAddr>().unwrap()], "{name}");
    }
}

#[test]
fn reads_hosts_files() {
    let hosts = hosts::parse("# c\n::1 localhost\n127.0.0.1 LocalHost a # x\n10.0.0.1 a\njunk b\n");
    let show =
        |name: &str| hosts.get(name).map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "));
    assert_eq!(show("localhost").as_deref(), Some("127.0.0.1"));
    assert_eq!(show("a").as_deref(), Some("127.0.0.1 10.0.0.1"));
    assert_eq!(show("b"), None);
}
