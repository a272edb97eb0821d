//! Names to addresses, off the request path: a worker reads a cached answer without a lock; only a name never asked for
//! before (or one that has failed) is waited for. An answer that has run out is still served while one query renews it.
//!
//! Which of several addresses is taken is the caller's business.

mod client;
mod hosts;

use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use arc_swap::ArcSwap;
use arc_swap::ArcSwapOption;
use arc_swap::Guard;
use tokio::runtime::Handle;
use tokio::sync::Notify;

use client::Client;

/// A type of record to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordKind {
    /// The type that succeeded last for this name.
    Last,
    /// Service records, which give ports and weights too.
    Srv,
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Aliases; followed with the addresses, so asking for them alone gives nothing more.
    Cname,
}

/// How names are resolved (`dns_*`).
#[derive(Clone, Debug)]
pub struct DnsSettings {
    /// Name servers with their ports; empty means those of `/etc/resolv.conf`.
    pub servers: Vec<std::net::SocketAddr>,
    /// The hosts file, read once.
    pub hosts: PathBuf,
    /// What is asked for, in order, until something is found.
    pub order: Vec<RecordKind>,
    /// Replaces the time to live of good answers.
    pub valid_ttl: Option<Duration>,
    /// How long an answer that has run out is still served.
    pub stale_ttl: Duration,
    /// How long it is remembered that a name does not exist.
    pub not_found_ttl: Duration,
    /// How long it is remembered that asking failed.
    pub error_ttl: Duration,
}

impl Default for DnsSettings {
    fn default() -> Self {
        use RecordKind::*;
        Self {
            servers: Vec::new(),
            hosts: PathBuf::from("/etc/hosts"),
            order: vec![Last, Srv, A, Cname],
            valid_ttl: None,
            stale_ttl: Duration::from_secs(3600),
            not_found_ttl: Duration::from_secs(30),
            error_ttl: Duration::from_secs(1),
        }
    }
}

/// Why a name has no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DnsError {
    /// There is no such name, or it has no address: what is answered is 503 "name resolution failed".
    #[error("name error")]
    NotFound,
    /// It could not be asked for.
    #[error("{0}")]
    Failed(String),
}

/// An address a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The address.
    pub address: IpAddr,
    /// The port of a service record, unless that is 0.
    pub port: Option<u16>,
    /// The weight of a service record, at least 1; 1 for an address.
    pub weight: u16,
    /// The name a service record points to, without the dot at its end.
    pub target: Option<Arc<str>>,
}

/// What asking for a name gave.
#[derive(Debug)]
pub struct Answer {
    /// The addresses, at least one, or why there are none.
    pub result: Result<Vec<Record>, DnsError>,
    kind: RecordKind,
    expires: Instant,
    /// Until when it is served while it is being renewed.
    stale: Instant,
}

/// A lookup that may have to wait.
pub enum Lookup {
    /// The answer is there.
    Now(Answered),
    /// It is being asked for; await [`Pending::answer`].
    Later(Pending),
}

/// An answer, borrowed from the cache without touching a shared count.
pub struct Answered(Guard<Option<Arc<Answer>>>);

impl Deref for Answered {
    type Target = Result<Vec<Record>, DnsError>;

    fn deref(&self) -> &Self::Target {
        static NONE: Result<Vec<Record>, DnsError> = Err(DnsError::NotFound);
        self.0.as_ref().map_or(&NONE, |answer| &answer.result)
    }
}

/// One name and what is known of it.
struct Entry {
    name: Box<str>,
    answer: ArcSwapOption<Answer>,
    is_asking: AtomicBool,
    answered: Notify,
}

/// A name that is being asked for.
pub struct Pending {
    entry: Arc<Entry>,
}

impl Pending {
    /// Waits for the answer.
    pub async fn answer(self) -> Answered {
        loop {
            let answered = self.entry.answered.notified();
            let mut answered = std::pin::pin!(answered);
            answered.as_mut().enable();
            if !self.entry.is_asking.load(Ordering::Acquire) {
                return Answered(self.entry.answer.load());
            }
            answered.await;
        }
    }
}

/// The names of a node; shared by its workers.
pub struct Resolver {
    settings: DnsSettings,
    hosts: HashMap<Box<str>, Vec<IpAddr>>,
    /// Replaced as a whole when a name is asked for the first time.
    entries: ArcSwap<HashMap<Box<str>, Arc<Entry>>>,
    client: Arc<Client>,
    runtime: Handle,
}

/// Names remembered at most; beyond that those that have run out are forgotten.
const MOST: usize = 10_000;

impl Resolver {
    /// Returns a resolver that asks on `runtime`, which is not a worker's.
    ///
    /// # Errors
    /// The name servers could not be read or set up.
    pub fn new(settings: DnsSettings, runtime: Handle) -> Result<Arc<Self>, DnsError> {
        let hosts = std::fs::read_to_string(&settings.hosts).unwrap_or_default();
        let client = Arc::new(Client::new(&settings.servers)?);
        let entries = ArcSwap::default();
        Ok(Arc::new(Self { hosts: hosts::parse(&hosts), settings, entries, client, runtime }))
    }

    /// Looks a name up. An address is its own answer, a name of the hosts file stands as it is there.
    pub fn lookup(self: &Arc<Self>, name: &str) -> Lookup {
        let now = Instant::now();
        if let Some(entry) = self.entries.load().get(name) {
            return self.ask(entry, now);
        }
        let entry = self.add(name, now);
        self.ask(&entry, now)
    }

    /// Returns the cached answer; begins to ask if there is none, or it has run out.
    fn ask(self: &Arc<Self>, entry: &Arc<Entry>, now: Instant) -> Lookup {
        let answer = entry.answer.load();
        match &*answer {
            Some(known) if now < known.expires => Lookup::Now(Answered(answer)),
            Some(known) if now < known.stale => {
                self.renew(entry);
                Lookup::Now(Answered(answer))
            }
            _ => {
                self.renew(entry);
                Lookup::Later(Pending { entry: Arc::clone(entry) })
            }
        }
    }

    /// Enters a new name; what needs no asking has its answer at once, for good.
    fn add(&self, name: &str, now: Instant) -> Arc<Entry> {
        let lower = name.trim_end_matches('.').to_ascii_lowercase();
        let bare = lower.trim_start_matches('[').trim_end_matches(']');
        let fixed = match bare.parse() {
            Ok(address) => Some(vec![address]),
            Err(_) => self.hosts.get(lower.as_str()).cloned(),
        };
        let far = now + Duration::from_secs(100 * 365 * 24 * 3600);
        let answer = fixed.map(|addresses| {
            let record = |address| Record { address, port: None, weight: 1, target: None };
            let result = Ok(addresses.into_iter().map(record).collect());
            Arc::new(Answer { result, kind: RecordKind::A, expires: far, stale: far })
        });
        let entry = Arc::new(Entry {
            name: lower.into(),
            answer: ArcSwapOption::new(answer),
            is_asking: AtomicBool::new(false),
            answered: Notify::new(),
        });
        self.entries.rcu(|entries| {
            let mut entries = HashMap::clone(entries);
            if entries.len() >= MOST {
                entries.retain(|_, entry| entry.answer.load().as_ref().is_none_or(|answer| now < answer.stale));
            }
            entries.entry(name.into()).or_insert_with(|| Arc::clone(&entry));
            entries
        });
        self.entries.load().get(name).map_or(entry, Arc::clone)
    }

    /// Asks for a name unless that goes on already.
    fn renew(self: &Arc<Self>, entry: &Arc<Entry>) {
        if entry.is_asking.swap(true, Ordering::AcqRel) {
            return;
        }
        let (this, entry) = (Arc::clone(self), Arc::clone(entry));
        self.runtime.spawn(async move {
            let answer = this.query(&entry).await;
            let old = entry.answer.load_full();
            let failed = matches!(answer.result, Err(DnsError::Failed(_)));
            let keeps_old = failed && old.as_ref().is_some_and(|old| old.result.is_ok() && Instant::now() < old.stale);
            if let (true, Some(old)) = (keeps_old, old) {
                // The last good answer goes on; ask again soon.
                let expires = answer.expires.min(old.stale);
                let renewed = Answer { result: old.result.clone(), kind: old.kind, expires, stale: old.stale };
                entry.answer.store(Some(Arc::new(renewed)));
            } else {
                entry.answer.store(Some(Arc::new(answer)));
            }
            entry.is_asking.store(false, Ordering::Release);
            entry.answered.notify_waiters();
        });
    }

    /// Asks for each kind of record in order until one is found.
    async fn query(&self, entry: &Entry) -> Answer {
        let last = entry.answer.load().as_ref().map(|answer| answer.kind).filter(|kind| *kind != RecordKind::Last);
        let mut failure = DnsError::NotFound;
        for kind in &self.settings.order {
            let kind = match (kind, last) {
                (RecordKind::Last, Some(kind)) => kind,
                (RecordKind::Last | RecordKind::Cname, _) => continue,
                (kind, _) => *kind,
            };
            match self.client.query(&entry.name, kind).await {
                Ok((records, ttl)) => {
                    let ttl = self.settings.valid_ttl.unwrap_or(ttl).max(Duration::from_secs(1));
                    let expires = Instant::now() + ttl;
                    return Answer { result: Ok(records), kind, expires, stale: expires + self.settings.stale_ttl };
                }
                Err(DnsError::NotFound) => {}
                Err(error) => failure = error,
            }
        }
        let ttl = match failure {
            DnsError::NotFound => self.settings.not_found_ttl,
            DnsError::Failed(_) => self.settings.error_ttl,
        };
        let expires = Instant::now() + ttl;
        Answer { result: Err(failure), kind: last.unwrap_or(RecordKind::Last), expires, stale: expires }
    }
}

#[cfg(test)]
mod tests;
