//! The node's end of the control socket: one call a connection.

use std::net::TcpListener;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use gibbon_model::declarative::Parsed;
use gibbon_store::Beside;
use serde_json::Value;
use serde_json::json;
use tokio::io::AsyncBufReadExt as _;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::io::BufReader;
use tokio::net::UnixListener;
use tokio::net::UnixStream;
use tokio::net::unix::WriteHalf;
use tracing::info;
use tracing::warn;

use super::Node;
use crate::control::Answer;
use crate::control::Call;
use crate::declarative::File;
use crate::handover;
use crate::progress::PACE;

/// A call is a whole declarative document at most.
const LARGEST_CALL: u64 = 1 << 30;

/// The open socket; its file goes away with it.
pub(super) struct Socket(Option<PathBuf>);

impl Socket {
    /// Leaves the file to a successor.
    pub(super) fn leave(mut self) {
        self.0 = None;
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // A file that stays behind is replaced by the next node.
        _ = self.0.as_ref().map(std::fs::remove_file);
    }
}

/// Opens the socket and answers calls until the runtime ends.
pub(super) fn serve(path: &Path, node: Arc<Node>) -> std::io::Result<Socket> {
    // In one step: a node that was killed left its socket behind, one that is replaced still listens there.
    let new = path.with_extension("new");
    if new.exists() {
        std::fs::remove_file(&new)?;
    }
    let listener = UnixListener::bind(&new)?;
    std::fs::rename(&new, path)?;
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let node = Arc::clone(&node);
            tokio::spawn(async move {
                if let Err(error) = answer(stream, node).await {
                    warn!(%error, "a call on the control socket broke off");
                }
            });
        }
    });
    Ok(Socket(Some(path.to_owned())))
}

async fn answer(mut stream: UnixStream, node: Arc<Node>) -> anyhow::Result<()> {
    let mut line = Vec::new();
    BufReader::new((&mut stream).take(LARGEST_CALL)).read_until(b'\n', &mut line).await?;
    let call = serde_json::from_slice(&line);
    if matches!(call, Ok(Call::HandOver)) {
        return hand_over(stream.into_std()?, node).await;
    }
    let (_, mut write) = stream.split();
    let answer = match call {
        Ok(Call::Import(file)) => match parse(file, &node).await {
            Ok(parsed) => {
                say(&mut write, &Ok(Value::Null)).await?;
                let progress = Arc::default();
                let mut work = std::pin::pin!(node.writer.import(parsed, &progress));
                let done = loop {
                    match tokio::time::timeout(PACE, &mut work).await {
                        Ok(done) => break done,
                        // Whoever asked may be gone; the import goes on.
                        Err(_) => _ = say(&mut write, &Ok(json!(progress.now()))).await,
                    }
                };
                done.map(|()| Value::Null).map_err(|error| error.to_string())
            }
            Err(why) => Err(format!("Failed parsing:\n{why}")),
        },
        Ok(call) => obey(call, &node).await.map_err(|error| error.to_string()),
        Err(error) => Err(format!("not a call: {error}")),
    };
    say(&mut write, &answer).await
}

/// Gives the process at the other end what the node holds, and has the node end once that process serves.
async fn hand_over(stream: std::os::unix::net::UnixStream, node: Arc<Node>) -> anyhow::Result<()> {
    stream.set_nonblocking(false)?;
    let Ok(_alone) = node.replacing.try_lock() else {
        return handover::end(&stream, &Err("another process is taking over".to_owned()));
    };
    info!("another process asks to take over");
    let kept = node.kept().await?;
    let giving = Arc::clone(&node);
    let taken = tokio::task::spawn_blocking(move || {
        let sockets: Vec<_> = giving.sockets().iter().map(TcpListener::try_clone).collect::<Result<_, _>>()?;
        handover::give(&stream, &giving.lock, &sockets, kept)?;
        drop(sockets);
        anyhow::Ok(handover::is_taken(&stream))
    });
    match taken.await?? {
        true => node.replaced.notify_one(),
        false => warn!("the process that asked to take over has gone; this one goes on"),
    }
    Ok(())
}

async fn say(stream: &mut WriteHalf<'_>, answer: &Answer) -> anyhow::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    Ok(stream.write_all(&line).await?)
}

/// Checks a file where it delays nobody else's calls: it may be large.
async fn parse(file: File, node: &Node) -> Result<Parsed, String> {
    let writer = Arc::clone(&node.writer);
    let parsed = tokio::task::spawn_blocking(move || file.parse(writer.declarative(), Beside::Traffic)).await;
    parsed.unwrap_or_else(|error| Err(error.to_string()))
}

async fn obey(call: Call, node: &Node) -> anyhow::Result<Value> {
    match call {
        Call::Reload(origin) => node.reload(&origin).await.map(Value::from),
        // Answered twice, or otherwise, by `answer` itself.
        Call::Import(_) | Call::HandOver => anyhow::bail!("not a call that is answered once"),
        Call::Export => Ok(Value::String(node.writer.export().await?)),
    }
}
