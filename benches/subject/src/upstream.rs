//! An upstream that answers every request with the same 1 KB, on threads that do nothing else and do not count.

use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;

use crate::allocations;

const HEAD: &str = "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\n\
    Content-Type: text/plain\r\nContent-Length: 1024\r\nConnection: keep-alive\r\n\r\n";

/// Starts it and returns its port.
pub(crate) fn start() -> anyhow::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        allocations::count_this_thread(false);
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                allocations::count_this_thread(false);
                // The gateway closing its connection is how it ends.
                let _ = answer(stream);
            });
        }
    });
    Ok(port)
}

/// Answers requests without bodies that come one by one.
fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let answer = [HEAD.as_bytes(), &[b'x'; 1024]].concat();
    let mut buffer = vec![0; 16 * 1024];
    let mut filled = 0;
    loop {
        let count = stream.read(&mut buffer[filled..])?;
        if count == 0 {
            return Ok(());
        }
        filled += count;
        if buffer[..filled].ends_with(b"\r\n\r\n") {
            filled = 0;
            stream.write_all(&answer)?;
        }
    }
}
