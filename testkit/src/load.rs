//! Load that keeps exact books: every request has an id of its own and ends as answered, refused (no connection, so that
//! nothing was sent) or lost (sent, and no answer came). It measures no speed; see `benches` for that.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use anyhow::Context;

use crate::Connection;
use crate::client::Request;
use crate::eventually;

/// What a client does with its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connections {
    /// Keeps it until an answer says that it closes, or it is found closed before a request is sent.
    Kept,
    /// Makes a new one for each request.
    Fresh,
}

/// What the clients ask.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where to, on 127.0.0.1.
    pub port: u16,
    /// As sent.
    pub method: &'static str,
    /// A path; `?id=…` is added.
    pub path: String,
    /// Sent with every request when not empty.
    pub body: Vec<u8>,
    /// How many clients keep their connection.
    pub kept: usize,
    /// How many make a new one each time.
    pub fresh: usize,
    /// How long a client waits after an answer.
    pub pause: Duration,
}

impl Plan {
    /// Eight clients, four of each kind, that ask with GET and hardly pause.
    #[must_use]
    pub fn get(port: u16, path: &str) -> Self {
        let pause = Duration::from_millis(1);
        Self { port, method: "GET", path: path.to_owned(), body: Vec::new(), kept: 4, fresh: 4, pause }
    }

    /// The same with POST and a small body.
    #[must_use]
    pub fn post(port: u16, path: &str) -> Self {
        Self { method: "POST", body: b"a=b".to_vec(), ..Self::get(port, path) }
    }
}

/// What became of all requests.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Requests that were sent, at least in part.
    pub sent: u64,
    /// How many were answered with each status.
    pub answered: BTreeMap<u16, u64>,
    /// How often no connection came about.
    pub refused: u64,
    /// Ids of requests without an answer, and why there is none.
    pub lost: Vec<(u64, String)>,
    /// Answers that belong to another request.
    pub crossed: Vec<String>,
    /// The longest time from wanting to ask to having the answer.
    pub longest: Duration,
}

impl Tally {
    /// How many were answered with something else than 200, or not at all.
    #[must_use]
    pub fn failed(&self) -> u64 {
        let refusals = self.answered.iter().filter(|(status, _)| **status != 200).map(|(_, count)| count);
        refusals.sum::<u64>() + self.refused + self.lost.len() as u64 + self.crossed.len() as u64
    }

    /// How many were answered with this status.
    #[must_use]
    pub fn with(&self, status: u16) -> u64 {
        self.answered.get(&status).copied().unwrap_or_default()
    }

    /// What failed, in a few words; empty if nothing did.
    #[must_use]
    pub fn complaint(&self) -> String {
        let mut said: Vec<String> = self
            .answered
            .iter()
            .filter(|(status, _)| **status != 200)
            .map(|(status, count)| format!("{count} × {status}"))
            .collect();
        if self.refused > 0 {
            said.push(format!("{} refused", self.refused));
        }
        if let Some((id, why)) = self.lost.first() {
            said.push(format!("{} lost, the first ({id}) because {why}", self.lost.len()));
        }
        said.extend(self.crossed.first().cloned());
        said.join(", ")
    }

    /// Adds what others did.
    pub fn add(&mut self, other: Self) {
        self.sent += other.sent;
        for (status, count) in other.answered {
            *self.answered.entry(status).or_default() += count;
        }
        self.refused += other.refused;
        self.lost.extend(other.lost);
        self.crossed.extend(other.crossed);
        self.longest = self.longest.max(other.longest);
    }
}

/// Clients that ask until they are told to stop.
#[derive(Debug)]
pub struct Load {
    enough: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    clients: Vec<JoinHandle<Tally>>,
}

impl Load {
    /// Starts the clients.
    #[must_use]
    pub fn start(plan: &Plan) -> Self {
        let (enough, answered) = (Arc::default(), Arc::default());
        let kinds = [(plan.kept, Connections::Kept), (plan.fresh, Connections::Fresh)];
        let kinds = kinds.into_iter().flat_map(|(count, kind)| std::iter::repeat_n(kind, count));
        let clients = kinds.map(|connections| {
            let client = Client {
                plan: plan.clone(),
                connections,
                enough: Arc::clone(&enough),
                total: Arc::clone(&answered),
                tally: Tally::default(),
            };
            std::thread::spawn(move || client.run())
        });
        let clients = clients.collect();
        Self { enough, answered, clients }
    }

    /// How many answers there were so far.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Waits for that many more answers.
    ///
    /// # Errors
    /// If they do not come within 20 s.
    pub fn wait_for(&self, more: u64) -> anyhow::Result<()> {
        let want = self.answered() + more;
        eventually(Duration::from_secs(20), || (self.answered() >= want).then_some(()))
            .with_context(|| format!("the clients do not get {more} more answers"))
    }

    /// Lets every client finish its request, and adds up.
    #[must_use]
    pub fn stop(self) -> Tally {
        self.enough.store(true, Ordering::Relaxed);
        let mut all = Tally::default();
        for client in self.clients {
            match client.join() {
                Ok(tally) => all.add(tally),
                Err(_) => all.crossed.push("a client panicked".to_owned()),
            }
        }
        all
    }
}

/// An id that no other request of this process has.
#[must_use]
pub fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Between two tries to connect.
const REFUSED_PAUSE: Duration = Duration::from_millis(5);

struct Client {
    plan: Plan,
    connections: Connections,
    enough: Arc<AtomicBool>,
    total: Arc<AtomicU64>,
    tally: Tally,
}

impl Client {
    fn run(mut self) -> Tally {
        let mut kept = None;
        while !self.enough.load(Ordering::Relaxed) {
            let begun = Instant::now();
            kept = self.ask(kept);
            self.tally.longest = self.tally.longest.max(begun.elapsed());
            std::thread::sleep(self.plan.pause);
        }
        self.tally
    }

    /// Sends one request; returns the connection if the next may go there too.
    fn ask(&mut self, kept: Option<Connection>) -> Option<Connection> {
        // As clients do: what is closed already is not used.
        let kept = kept.filter(|_| self.connections == Connections::Kept).filter(Connection::is_quiet);
        let mut connection = match kept {
            Some(connection) => connection,
            None => match Connection::open(self.plan.port) {
                Ok(connection) => connection,
                Err(_) => {
                    self.tally.refused += 1;
                    std::thread::sleep(REFUSED_PAUSE);
                    return None;
                }
            },
        };
        let id = next_id();
        let mut request = Request::new(self.plan.method, &format!("{}?id={id}", self.plan.path));
        request.body.clone_from(&self.plan.body);
        self.tally.sent += 1;
        let answer = match connection.exchange(&request) {
            Ok(answer) => answer,
            Err(why) => {
                self.tally.lost.push((id, format!("{why:#}")));
                return None;
            }
        };
        *self.tally.answered.entry(answer.status).or_default() += 1;
        if answer.status == 200 {
            self.total.fetch_add(1, Ordering::Relaxed);
            if answer.body != id.to_string().as_bytes() {
                self.tally.crossed.push(format!("request {id} got the answer {}", answer.text()));
            }
        }
        (answer.header("connection") != Some("close")).then_some(connection)
    }
}
