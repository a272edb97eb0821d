//! The node's end of the control socket: one call a connection, answered in order of arrival.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;
use tokio::io::AsyncBufReadExt as _;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::io::BufReader;
use tokio::net::UnixListener;
use tokio::net::UnixStream;
use tracing::warn;

use super::Node;
use crate::control::Answer;
use crate::control::Call;

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
    let answer: Answer = match serde_json::from_slice(&line) {
        Ok(call) => obey(call, node).await.map_err(|error| error.to_string()),
        Err(error) => Err(format!("not a call: {error}")),
    };
    let mut line = serde_json::to_vec(&answer)?;
    line.push(b'\n');
    write.write_all(&line).await?;
    Ok(())
}

async fn obey(call: Call, node: &Node) -> anyhow::Result<Value> {
    match call {
        Call::Reload(origin) => node.reload(&origin).await.map(|()| Value::Null),
        Call::Import(file) => {
            let parsed =
                file.parse(node.writer.declarative()).map_err(|why| anyhow::anyhow!("Failed parsing:\n{why}"))?;
            node.writer.import(&parsed).await?;
            Ok(Value::Null)
        }
        Call::Export => Ok(Value::String(node.writer.export().await?)),
    }
}
