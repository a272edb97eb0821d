//! A wire between a node and the server that can go dead without anybody being told.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::tcp::OwnedWriteHalf;

/// Passes on what comes, on a port of its own.
pub(super) struct Wire {
    pub(super) port: u16,
    /// Connections of an earlier era are dead.
    era: Arc<AtomicUsize>,
}

impl Wire {
    pub(super) async fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let era = Arc::new(AtomicUsize::new(0));
        let now = Arc::clone(&era);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let Ok(far) = TcpStream::connect(("127.0.0.1", server)).await else { continue };
                let born = now.load(Ordering::SeqCst);
                let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
                tokio::spawn(pass(near_in, far_out, Arc::clone(&now), born));
                tokio::spawn(pass(far_in, near_out, Arc::clone(&now), born));
            }
        });
        Self { port, era }
    }

    /// Swallows from now on what the connections send that are open; new ones live.
    pub(super) fn cut(&self) {
        self.era.fetch_add(1, Ordering::SeqCst);
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, era: Arc<AtomicUsize>, born: usize) {
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut bytes).await {
        if era.load(Ordering::SeqCst) == born && to.write_all(&bytes[..length]).await.is_err() {
            return;
        }
    }
}
