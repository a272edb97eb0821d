//! The readers behind Gibbon that the world uses: hyper in this process, and Debian's nginx in front of a recorder, which
//! keeps how nginx understood a request. They are configured to accept all that their parsers accept.

use std::convert::Infallible;
use std::fs::File;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use anyhow::bail;
use gibbon_testkit::Connection;
use gibbon_testkit::Port;
use gibbon_testkit::eventually;
use http_body_util::BodyExt;
use http_body_util::Full;
use hyper::Request;
use hyper::Response;
use hyper::body::Bytes;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tempfile::TempDir;

use crate::seen::Log;
use crate::seen::Message;
use crate::seen::Seen;
use crate::seen::lossy;
use crate::seen::note;
use crate::seen::record;

/// Starts a hyper server that notes what it read, and returns its port. It ends with the test's process.
pub(crate) fn hyper(log: Log) -> anyhow::Result<u16> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        runtime.block_on(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let log = Arc::clone(&log);
                tokio::spawn(async move {
                    let service = hyper::service::service_fn(|request| read(request, &log));
                    // What it cannot parse it answers itself; the missing note tells.
                    let _ = hyper::server::conn::http1::Builder::new()
                        .max_buf_size(1 << 20)
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
    });
    Ok(port)
}

async fn read(request: Request<Incoming>, log: &Log) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let headers = head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()));
    let mut message = Message {
        method: head.method.to_string(),
        target: head.uri.to_string(),
        headers: headers.collect(),
        body: Vec::new(),
    };
    match body.collect().await {
        Ok(body) => {
            message.body = body.to_bytes().to_vec();
            note(log, Seen::Whole(message));
        }
        Err(_) => note(log, Seen::Cut(message)),
    }
    Ok(Response::new(Full::new(Bytes::from_static(b"ok"))))
}

/// Debian's nginx; killed when dropped.
pub(crate) struct Nginx {
    port: Port,
    process: Child,
    _folder: TempDir,
}

impl Nginx {
    /// Starts it in front of a recorder.
    pub(crate) fn start(log: Log) -> anyhow::Result<Self> {
        let behind = record(log)?;
        let port = Port::claim()?;
        let folder = tempfile::Builder::new().prefix("gibbon-nginx-").tempdir()?;
        let place = folder.path().display();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|name| format!("{name}_temp_path {place}/{name};\n"))
            .collect();
        let conf = format!(
            "daemon off; master_process off; pid {place}/pid; error_log {place}/error.log crit;
            events {{ worker_connections 512; }}
            http {{
                access_log off; {temporary}
                client_max_body_size 0; large_client_header_buffers 8 128k; underscores_in_headers on;
                keepalive_requests 100000;
                map $uri $path {{ \"~[\\x00-\\x1f\\x7f]\" ''; default $uri; }}
                upstream behind {{ server 127.0.0.1:{behind}; keepalive 8; }}
                server {{
                    listen 127.0.0.1:{port};
                    location / {{
                        proxy_pass http://behind; proxy_http_version 1.1;
                        proxy_set_header Host $http_host; proxy_set_header Connection '';
                        proxy_set_header TE $http_te; proxy_set_header Upgrade $http_upgrade;
                        proxy_set_header X-Nginx-Host $host;
                        proxy_set_header X-Nginx-Path $path;
                    }}
                }}
            }}",
            port = port.number()
        );
        let path = folder.path().join("nginx.conf");
        std::fs::write(&path, conf)?;
        let output = File::create(folder.path().join("output"))?;
        let mut process = Command::new(binary()?)
            .arg("-p")
            .arg(folder.path())
            .arg("-c")
            .arg(&path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(output)
            .spawn()
            .context("cannot start nginx")?;
        let ready = eventually(Duration::from_secs(20), || {
            (Connection::open(port.number()).is_ok() || process.try_wait().is_ok_and(|ended| ended.is_some()))
                .then_some(())
        });
        if ready.is_none() || process.try_wait()?.is_some() {
            bail!("nginx does not start: {}", lossy(&std::fs::read(folder.path().join("output"))?));
        }
        Ok(Self { port, process, _folder: folder })
    }

    /// Where it listens, on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port.number()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn binary() -> anyhow::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin"), PathBuf::from("/usr/local/sbin")]);
    let found = places.map(|place| place.join("nginx")).find(|path| path.is_file());
    found.context("the wire corpus compares with nginx: install it (`apt-get install nginx-light`), or put it on PATH")
}
