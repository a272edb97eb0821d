//! Tables of sources and what comes of them, with Kong's messages.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::time::Duration;

use crate::*;

fn load(file: &str, env: &[(&str, &str)], overrides: &[(&str, String)]) -> Result<Conf, Vec<ConfError>> {
    let env: BTreeMap<String, String> =
        env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Conf::load(Sources { cwd: "/home/ann", default_prefix: "", file: Some(file), env: &env, overrides })
}

#[test]
fn table_is_sorted_and_whole() {
    assert!(PROPERTIES.windows(2).all(|pair| pair[0].name < pair[1].name));
    assert_eq!(PROPERTIES.len(), 224);
    assert!(PROPERTIES.iter().all(|property| !property.description.trim().is_empty()));
}

#[test]
fn defaults_are_kongs() {
    let conf = load("", &[], &[]).unwrap();
    assert_eq!(conf.prefix, "/usr/local/kong");
    assert_eq!(conf.database, Database::Embedded);
    assert_eq!(conf.proxy_listen.iter().map(|listener| listener.port).collect::<Vec<_>>(), [8000, 8443]);
    assert_eq!(conf.router_flavor, RouterFlavor::TraditionalCompatible);
    assert_eq!(conf.upstream_keepalive_idle_timeout, Duration::from_secs(60));
    assert_eq!(conf.real_ip_header, RealIpHeader::Header("X-Real-IP".to_owned()));
    assert_eq!(conf.proxy_limits.client_max_body_size, 0);
    assert_eq!(conf.proxy_limits.keepalive_requests, 10_000);
    assert_eq!(conf.admin_limits.client_max_body_size, 10 << 20);
    assert!(conf.headers.server && conf.headers.request_id && !conf.headers.upstream_status);
    assert!(conf.unserved().is_empty());
}

#[test]
fn later_sources_win() {
    let file = "log_level = info\nprefix = a\n";
    let env = [("KONG_LOG_LEVEL", "warn"), ("GIBBON_LOG_LEVEL", "error"), ("KONG_PREFIX", "/b")];
    for (env, overrides, level, prefix) in [
        (&env[..0], vec![], LogLevel::Info, "/home/ann/a"),
        (&env[..1], vec![], LogLevel::Warn, "/home/ann/a"),
        (&env[..], vec![], LogLevel::Error, "/b"),
        (&env[..], vec![("prefix", "/c/".to_owned())], LogLevel::Error, "/c"),
    ] {
        let conf = load(file, env, &overrides).unwrap();
        assert_eq!((conf.log_level, conf.prefix.as_str()), (level, prefix));
    }
    assert!(load("proxy_error_log = x", &[("KONG_PROXY_ERROR_LOG", "")], &[]).unwrap().proxy_error_log.is_empty());
}

#[test]
fn database_follows_pg_properties() {
    for (file, want) in [
        ("", Database::Embedded),
        ("pg_host = db.test", Database::Postgres),
        ("pg_host = db.test\ndatabase = off", Database::Off),
        ("database = embedded", Database::Embedded),
    ] {
        assert_eq!(load(file, &[], &[]).unwrap().database, want, "{file}");
    }
}

#[test]
fn directives_change_limits() {
    let file =
        "nginx_http_large_client_header_buffers = 2 2k\nnginx_proxy_keepalive_requests = 2\nnginx_worker_processes = 3";
    let conf = load(file, &[("KONG_NGINX_HTTP_CLIENT_MAX_BODY_SIZE", "1m")], &[]).unwrap();
    assert_eq!((conf.proxy_limits.large_header_buffers, conf.proxy_limits.large_header_buffer_size), (2, 2048));
    assert_eq!((conf.proxy_limits.keepalive_requests, conf.admin_limits.keepalive_requests), (2, 10_000));
    assert_eq!((conf.proxy_limits.client_max_body_size, conf.admin_limits.client_max_body_size), (1 << 20, 10 << 20));
    assert_eq!(conf.nginx_worker_processes.on(8), 3);
}

#[test]
fn bounds_have_defaults_and_are_checked() {
    let bounds = load("", &[], &[]).unwrap().bounds;
    assert_eq!(bounds, Bounds::default());
    let file = "overload_memory = 1g\nlimit_client_rate = 1k\nnginx_events_worker_connections = 7";
    let bounds = load(file, &[], &[]).unwrap().bounds;
    assert_eq!((bounds.memory, bounds.client_rate, bounds.worker_connections), (Memory::Bytes(1 << 30), 1024, 7));
    for file in ["overload_memory = x", "nginx_events_worker_connections = 0", "nginx_proxy_proxy_buffer_size = 1g"] {
        let (name, value) = file.split_once(" = ").unwrap();
        let error = ConfError::Directive { name: name.to_owned(), value: value.to_owned() };
        assert_eq!(load(file, &[], &[]).unwrap_err(), [error]);
    }
}

#[test]
fn aliases_reach_their_new_names() {
    let conf = load("real_ip_header = X-Forwarded-For\nreal_ip_recursive = on", &[], &[]).unwrap();
    assert_eq!(conf.real_ip_header, RealIpHeader::Header("X-Forwarded-For".to_owned()));
    assert!(conf.real_ip_recursive);
    let conf = load("real_ip_header = X-A\nnginx_proxy_real_ip_header = proxy_protocol", &[], &[]).unwrap();
    assert_eq!(conf.real_ip_header, RealIpHeader::ProxyProtocol);
}

#[test]
fn references_are_resolved_and_shown_as_given() {
    let file = "error_template_json = {vault://env/my-path}\npg_password = {vault://env/my-secret}\ndatabase = off";
    let conf = load(file, &[("MY_PATH", "/t.json"), ("MY_SECRET", "s")], &[]).unwrap();
    assert_eq!(conf.error_template_json.as_deref(), Some("/t.json"));
    let json = conf.to_json([].into_iter());
    assert_eq!(json["error_template_json"], "{vault://env/my-path}");
    assert_eq!(json["pg_password"], "******");
    let errors = load("error_template_json = {vault://env/none}", &[], &[]).unwrap_err();
    assert_eq!(
        errors[0].to_string(),
        "failed to dereference '{vault://env/none}': could not get value from external vault (no value found) for config option 'error_template_json'"
    );
}

#[test]
fn errors_are_kongs() {
    for (file, want) in [
        ("database = mysql", "database has an invalid value: 'mysql' (postgres, cassandra, off)"),
        ("headers = nope", "headers: invalid entry 'nope'"),
        (
            "trusted_ips = nope",
            "trusted_ips must be a comma separated list in the form of IPv4 or IPv6 address or CIDR block or 'unix:', got 'nope'",
        ),
        ("dns_order = LAST,NOPE", "dns_order: invalid entry 'NOPE'"),
        ("ssl_cipher_suite = strange", "Undefined cipher suite strange"),
        ("role = control_plane", "cluster certificate and key must be provided to use Hybrid mode"),
        ("pg_port = ten", "pg_port is not a number: 'ten'"),
        ("port_maps = 80", "invalid port mapping (`port_maps`): 80"),
        ("cluster_max_payload = 1", "cluster_max_payload must be 4194304 (4MB) or greater"),
        ("tracing_instrumentations = x", "invalid tracing type: x"),
    ] {
        assert_eq!(load(file, &[], &[]).unwrap_err()[0].to_string(), want);
    }
    let listener = load("admin_listen = 127.0.0.1:1 fast", &[], &[]).unwrap_err()[0].to_string();
    assert!(listener.starts_with("admin_listen must be of form: [off] | <ip>:<port> [ssl] [http2] "), "{listener}");
}

#[test]
fn junk_that_kong_takes_is_taken() {
    let conf =
        load("nope = 1\nreal_ip_recursive = maybe\nanonymous_reports = maybe", &[("KONG_NOPE", "x")], &[]).unwrap();
    assert!(!conf.anonymous_reports && !conf.is_set("nope"));
}

#[test]
fn tells_what_is_not_served() {
    let conf =
        load("wasm = on\nlog_level = info\nnginx_http_gzip = on\nnginx_http_keepalive_timeout = 5s", &[], &[]).unwrap();
    assert_eq!(conf.unserved(), ["nginx_http_gzip", "wasm"]);
}

#[test]
fn shows_lists_and_listeners_as_kong() {
    let json =
        load("trusted_ips =\nadmin_listen = 127.0.0.1:1 ssl backlog=5", &[], &[]).unwrap().to_json(["acl"].into_iter());
    assert_eq!(json["trusted_ips"], serde_json::json!({}));
    assert_eq!(json["admin_listeners"][0]["listener"], "127.0.0.1:1 ssl backlog=5");
    assert_eq!(json["ssl_cert_key"], "******");
    assert_eq!(json["nginx_daemon"], "on");
    assert!(!json.contains_key("pg_password") && !json.contains_key("privileged_worker"));
}

#[test]
fn a_written_file_reads_the_same() {
    let conf = load("headers = off\npg_password = a\\#b\ndatabase = off", &[], &[]).unwrap();
    let again = load(&conf.to_file(), &[], &[]).unwrap();
    assert_eq!(again.to_file(), conf.to_file());
    assert_eq!(again.pg_password, conf.pg_password);
}

#[test]
fn what_is_set_to_nothing_stays_so_in_a_written_file() {
    let mut taken = 0;
    for name in PROPERTIES.iter().map(|property| property.name) {
        let Ok(conf) = load(&format!("{name} ="), &[], &[]) else { continue };
        let again = load(&conf.to_file(), &[], &[]).unwrap();
        let shown = |conf: &Conf| conf.to_json([].into_iter()).get(name).cloned();
        assert_eq!(shown(&again), shown(&conf), "{name}");
        taken += 1;
    }
    assert!(taken > 100, "{taken}");
}
