//! From `pg_*` properties to what the Postgres store is told. It opens no connection.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use gibbon_conf::Conf;
use gibbon_net::tls;
use gibbon_net::tls::Verify;
use gibbon_store::postgres::Server;
use gibbon_store::postgres::Settings;
use rustls::ClientConfig;
use uuid::Uuid;

use crate::settings::pem;

/// Where Linux distributions keep the authorities that `system` stands for; the first that exists.
const SYSTEM_AUTHORITIES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Returns how a node uses its database.
pub(crate) fn settings(conf: &Conf, node: Uuid) -> anyhow::Result<Settings> {
    let server = server(conf)?;
    let replica = conf.pg_ro_host.as_ref().map(|host| replica(conf, &server, host)).transpose()?;
    Ok(Settings {
        server,
        replica,
        node,
        update_frequency: conf.db_update_frequency,
        propagation: conf.db_update_propagation,
    })
}

/// Returns how the server is reached.
pub(crate) fn server(conf: &Conf) -> anyhow::Result<Server> {
    // A number of queries at once is a number of connections: none does two things at a time.
    let queries = Some(conf.pg_max_concurrent_queries).filter(|queries| *queries > 0);
    Ok(Server {
        host: conf.pg_host.clone(),
        port: port(conf.pg_port)?,
        user: conf.pg_user.clone(),
        password: conf.pg_password.clone(),
        database: conf.pg_database.clone(),
        schema: conf.pg_schema.clone(),
        tls: encrypted(conf, conf.pg_ssl, conf.pg_ssl_verify)?,
        timeout: Duration::from_millis(conf.pg_timeout),
        keepalive: conf.pg_keepalive_timeout.map(Duration::from_millis),
        pool_size: size(queries.or(conf.pg_pool_size)),
        waiting: Duration::from_millis(conf.pg_semaphore_timeout),
    })
}

/// Returns how the replica is reached: what is not set for it is as with the main server.
fn replica(conf: &Conf, main: &Server, host: &str) -> anyhow::Result<Server> {
    let queries = conf.pg_ro_max_concurrent_queries.filter(|queries| *queries > 0);
    let milliseconds = |own: Option<u64>| own.map(Duration::from_millis);
    let main = main.clone();
    Ok(Server {
        host: host.to_owned(),
        port: conf.pg_ro_port.map_or(Ok(main.port), port)?,
        user: conf.pg_ro_user.clone().unwrap_or(main.user),
        password: conf.pg_ro_password.clone().or(main.password),
        database: conf.pg_ro_database.clone().unwrap_or(main.database),
        schema: conf.pg_ro_schema.clone().or(main.schema),
        tls: if conf.is_set("pg_ro_ssl") || conf.is_set("pg_ro_ssl_verify") {
            let ssl = if conf.is_set("pg_ro_ssl") { conf.pg_ro_ssl } else { conf.pg_ssl };
            let verify = if conf.is_set("pg_ro_ssl_verify") { conf.pg_ro_ssl_verify } else { conf.pg_ssl_verify };
            encrypted(conf, ssl, verify)?
        } else {
            main.tls
        },
        timeout: milliseconds(conf.pg_ro_timeout).unwrap_or(main.timeout),
        keepalive: milliseconds(conf.pg_ro_keepalive_timeout).or(main.keepalive),
        pool_size: size(queries.or(conf.pg_ro_pool_size)).or(main.pool_size),
        waiting: milliseconds(conf.pg_ro_semaphore_timeout).unwrap_or(main.waiting),
    })
}

fn port(number: u64) -> anyhow::Result<u16> {
    u16::try_from(number).context("the port of PostgreSQL is not between 0 and 65535")
}

fn size(connections: Option<u64>) -> Option<usize> {
    connections.map(|connections| usize::try_from(connections).unwrap_or(usize::MAX))
}

/// Returns the TLS settings; none if `on` is false.
fn encrypted(conf: &Conf, on: bool, verify: bool) -> anyhow::Result<Option<Arc<ClientConfig>>> {
    if !on {
        return Ok(None);
    }
    let verify = if verify {
        let mut pems = Vec::new();
        for value in &conf.lua_ssl_trusted_certificate {
            if value == "system" {
                pems.extend(SYSTEM_AUTHORITIES.iter().find_map(|path| std::fs::read(path).ok()));
            } else {
                pems.push(pem(value));
            }
        }
        let roots = tls::roots(pems.iter().map(Vec::as_slice)).context("lua_ssl_trusted_certificate cannot be used")?;
        Verify::Against { roots }
    } else {
        Verify::Off
    };
    Ok(Some(tls::client(&verify, None)?))
}
