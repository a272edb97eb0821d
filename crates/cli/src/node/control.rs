//! The node's end of the control socket: one call a connection.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use gibbon_model::declarative::Parsed;
use serde_json::Value;
use serde_json::json;
use tokio::io::AsyncBufReadExt as _;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::io::BufReader;
use tokio::net::UnixListener;
use tokio::net::UnixStream;
use tokio::net::unix::WriteHalf;
use tracing::warn;

use super::Node;
use crate::control::Answer;
use crate::control::Call;
use crate::declarative::File;
use crate::progress::PACE;

/// A call is a whole declarative document at most.
const LARGEST_CALL: u64 = 1 << 30;

/// The open socket; its file goes away with it.
pub(super) struct Socket(PathBuf);

impl Drop for Socket {
    fn drop(&mut self) {
        // A file that stays behind is replaced by the next node.
        _ = std::fs::remove_file(&self.0);
    }
}

/// Opens the socket and answers calls until the runtime ends.
pub(super) fn serve(path: &Path, node: Arc<Node>) -> std::io::Result<Socket> {
    // Whatever a node that was killed left behind; that none runs was checked before.
    if path.exists() {
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let node = Arc::clone(&node);
            tokio::spawn(async move {
                if let Err(error) = answer(stream, &node).await {
                    warn!(%error, "a call on the control socket broke off");
                }
            });
        }
    });
    Ok(Socket(path.to_owned()))
}

async fn answer(mut stream: UnixStream, node: &Node) -> anyhow::Result<()> {
    let mut line = Vec::new();
    let (read, mut write) = stream.split();
    BufReader::new(read.take(LARGEST_CALL)).read_until(b'\n', &mut line).await?;
    let answer = match serde_json::from_slice(&line) {
        Ok(Call::Import(file)) => match parse(file, node).await {
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
        Ok(call) => obey(call, node).await.map_err(|error| error.to_string()),
        Err(error) => Err(format!("not a call: {error}")),
    };
    say(&mut write, &answer).await
}

async fn say(stream: &mut WriteHalf<'_>, answer: &Answer) -> anyhow::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    Ok(stream.write_all(&line).await?)
}

/// Checks a file where it delays nobody else's calls: it may be large.
async fn parse(file: File, node: &Node) -> Result<Parsed, String> {
    let writer = Arc::clone(&node.writer);
    let parsed = tokio::task::spawn_blocking(move || file.parse(writer.declarative())).await;
    parsed.unwrap_or_else(|error| Err(error.to_string()))
}

async fn obey(call: Call, node: &Node) -> anyhow::Result<Value> {
    match call {
        Call::Reload(origin) => node.reload(&origin).await.map(|()| Value::Null),
        // Answered twice, by `answer` itself.
        Call::Import(_) => anyhow::bail!("not a call that is answered once"),
        Call::Export => Ok(Value::String(node.writer.export().await?)),
    }
}
