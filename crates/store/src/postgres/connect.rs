//! Connections: how they are made and shared, and what each is told first. It knows no tables.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Hook;
use deadpool_postgres::HookError;
use deadpool_postgres::Manager;
use deadpool_postgres::ManagerConfig;
use deadpool_postgres::Object;
use deadpool_postgres::Pool;
use deadpool_postgres::PoolError;
use deadpool_postgres::RecyclingMethod;
use deadpool_postgres::Runtime;
use rustls::ClientConfig;
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::StoreError;

/// Connections that a node has at most, unless it is told otherwise.
const POOL_SIZE: usize = 16;

/// Where a server is, and how it is spoken to: the `pg_*` properties.
#[derive(Clone)]
pub struct Server {
    /// Name or address; a path is the folder of a Unix socket.
    pub host: String,
    pub port: u16,
    pub user: String,
    pub password: Option<String>,
    pub database: String,
    /// Schema in which the tables are, unless it is the server's default.
    pub schema: Option<String>,
    /// TLS is required when it is given, else never used.
    pub tls: Option<Arc<ClientConfig>>,
    /// How long connecting, or one query, may take.
    pub timeout: Duration,
    /// How long a connection may have been idle to be used again.
    pub keepalive: Option<Duration>,
    /// Connections at most.
    pub pool_size: Option<usize>,
    /// How long a query waits for a connection.
    pub waiting: Duration,
}

impl fmt::Debug for Server {
    /// Shows all but the password.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}@{}:{}/{}", self.user, self.host, self.port, self.database)
    }
}

impl Server {
    pub(super) fn config(&self) -> Config {
        let mut config = Config::new();
        config.host(&self.host).port(self.port).user(&self.user).dbname(&self.database).application_name("gibbon");
        if let Some(password) = &self.password {
            config.password(password);
        }
        config.ssl_mode(if self.tls.is_some() { SslMode::Require } else { SslMode::Disable });
        config.connect_timeout(self.timeout).tcp_user_timeout(self.timeout);
        config
    }

    /// Returns how TLS connections are made; without TLS it is never asked.
    pub(super) fn connector(&self) -> MakeRustlsConnect {
        let config = self.tls.as_ref().map_or_else(
            || {
                let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
                let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
                let builder = builder.expect("invariant: the provider has suites for the default versions");
                builder.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth()
            },
            |config| (**config).clone(),
        );
        MakeRustlsConnect::new(config)
    }

    /// What a connection is told first. Kong's tables mean UTC wherever they say a time.
    pub(super) fn greeting(&self) -> String {
        let schema = self.schema.as_ref().map(|schema| format!("SET SCHEMA '{}'; ", schema.replace('\'', "''")));
        format!("{}SET TIME ZONE 'UTC'", schema.unwrap_or_default())
    }

    /// Makes a pool; connections are made when they are needed.
    pub(super) fn pool(&self) -> Result<Connections, StoreError> {
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(self.config(), self.connector(), recycling);
        let greeting = self.greeting();
        let keepalive = self.keepalive;
        let pool = Pool::builder(manager)
            .max_size(self.pool_size.unwrap_or(POOL_SIZE).max(1))
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(self.waiting))
            .post_create(Hook::async_fn(move |client, _| {
                let greeting = greeting.clone();
                Box::pin(async move { client.batch_execute(&greeting).await.map_err(HookError::Backend) })
            }))
            .pre_recycle(Hook::sync_fn(move |_, metrics| match keepalive {
                Some(limit) if metrics.last_used() > limit => Err(HookError::message("idle for too long")),
                _ => Ok(()),
            }))
            .build()
            .map_err(|error| StoreError::Unreachable { reason: error.to_string() })?;
        Ok(Connections { pool, timeout: self.timeout })
    }
}

/// A pool of connections to one server.
pub(super) struct Connections {
    pool: Pool,
    pub(super) timeout: Duration,
}

impl Connections {
    /// Returns a connection that nobody else uses.
    pub(super) async fn take(&self) -> Result<Object, StoreError> {
        self.pool.get().await.map_err(|error| match error {
            PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => unreachable(&error),
            PoolError::Timeout(_) => StoreError::Unreachable { reason: "timeout".to_owned() },
            other => StoreError::Unreachable { reason: other.to_string() },
        })
    }

    /// Waits for the server's answer as long as `pg_timeout` allows.
    pub(super) async fn within<T>(
        &self,
        work: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, StoreError> {
        match tokio::time::timeout(self.timeout, work).await {
            Ok(result) => Ok(result?),
            Err(_) => Err(StoreError::Unreachable { reason: "timeout".to_owned() }),
        }
    }
}

/// Says why there is no connection, in the words that people search for.
pub(super) fn unreachable(error: &tokio_postgres::Error) -> StoreError {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    let refused = cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
    let reason = match refused {
        Some(std::io::ErrorKind::ConnectionRefused) => "connection refused".to_owned(),
        Some(std::io::ErrorKind::TimedOut) => "timeout".to_owned(),
        _ => cause.to_string(),
    };
    StoreError::Unreachable { reason }
}
