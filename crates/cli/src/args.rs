//! The command line: Kong's commands with Kong's options, and `run`, `reference` and `echo`. It only says what may be written; `commands` does it.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args as ClapArgs;
use clap::Parser;
use clap::Subcommand;

/// An API gateway that speaks Kong.
#[derive(Debug, Parser)]
#[command(name = "gibbon", subcommand_required = true, arg_required_else_help = true, disable_version_flag = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Say more.
    #[arg(long = "v", global = true)]
    pub(crate) verbose: bool,
    /// Say everything, also where an error comes from.
    #[arg(long = "vv", global = true)]
    pub(crate) debug: bool,
}

/// Which node: its configuration file and its prefix.
#[derive(Clone, Debug, Default, ClapArgs)]
pub(crate) struct Place {
    /// Configuration file; otherwise /etc/kong/kong.conf or /etc/kong.conf, if there is one.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) conf: Option<String>,
    /// Folder in which the node keeps what it writes.
    #[arg(short, long, value_name = "PREFIX")]
    pub(crate) prefix: Option<String>,
}

/// What Kong's start and restart take beside a place; nginx is not there to be configured, and migrations come with their database.
#[derive(Clone, Debug, Default, ClapArgs)]
pub(crate) struct StartOptions {
    /// Accepted for Kong's sake; there is no nginx.
    #[arg(long, value_name = "FILE", hide = true)]
    pub(crate) nginx_conf: Option<String>,
    /// Accepted for Kong's sake; there is no nginx.
    #[arg(long, value_name = "FLAGS", hide = true)]
    pub(crate) nginx_conf_flags: Option<String>,
    /// Run pending migrations first; the embedded database always does.
    #[arg(long)]
    pub(crate) run_migrations: bool,
    /// Seconds to wait for the database.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub(crate) db_timeout: u64,
    /// Seconds to wait for other nodes' migrations.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub(crate) lock_timeout: u64,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a node in the foreground.
    Run {
        #[command(flatten)]
        place: Place,
        /// Leave the terminal, and say on standard output when ready: what `start` does to the node it starts.
        #[arg(long, hide = true)]
        detached: bool,
        /// Replace the node of this prefix: take its sockets, and have it end once this one serves.
        #[arg(long, hide = true)]
        take_over: bool,
    },
    /// Start a node in the background; returns when it is ready.
    Start {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        options: StartOptions,
    },
    /// Stop a node at once.
    Stop {
        /// Folder of the node.
        #[arg(short, long, value_name = "PREFIX")]
        prefix: Option<String>,
    },
    /// Replace a node by a new one, or start it; no request is lost.
    Restart {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        options: StartOptions,
    },
    /// Have a running node read its configuration again; it keeps its connections.
    Reload {
        #[command(flatten)]
        place: Place,
        /// Accepted for Kong's sake; there is no nginx.
        #[arg(long, value_name = "FILE", hide = true)]
        nginx_conf: Option<String>,
    },
    /// Stop a node when its requests have been answered.
    Quit {
        /// Folder of the node.
        #[arg(short, long, value_name = "PREFIX")]
        prefix: Option<String>,
        /// Seconds to wait for the requests before the node is stopped at once.
        #[arg(short, long, default_value_t = 10.0)]
        timeout: f64,
        /// Seconds to wait before anything happens.
        #[arg(short, long, default_value_t = 0.0)]
        wait: f64,
    },
    /// Say whether a node runs.
    Health {
        /// Folder of the node.
        #[arg(short, long, value_name = "PREFIX")]
        prefix: Option<String>,
    },
    /// Print the version.
    Version {
        /// Also the versions of what it is made of.
        #[arg(short, long)]
        all: bool,
    },
    /// Check a configuration file.
    Check {
        /// The file; otherwise /etc/kong/kong.conf or /etc/kong.conf, if there is one.
        conf: Option<String>,
    },
    /// Write what a node needs into its prefix.
    Prepare {
        #[command(flatten)]
        place: Place,
        /// Accepted for Kong's sake; there is no nginx.
        #[arg(long, value_name = "FILE", hide = true)]
        nginx_conf: Option<String>,
    },
    /// Work with declarative files: init, parse, db_import, db_export.
    Config {
        /// init, parse, db_import or db_export.
        #[arg(value_name = "COMMAND")]
        action: Option<String>,
        /// The declarative file.
        file: Option<String>,
        #[command(flatten)]
        place: Place,
    },
    /// Prepare a database: bootstrap, up, finish, list, status, reset.
    Migrations {
        /// bootstrap, up, finish, list, status or reset.
        #[arg(value_name = "COMMAND")]
        action: Option<String>,
        #[command(flatten)]
        place: Place,
        /// Ask nothing.
        #[arg(short, long)]
        yes: bool,
        /// Say nothing but errors and results.
        #[arg(short, long)]
        quiet: bool,
        /// Also what was done already.
        #[arg(short, long)]
        force: bool,
        /// Seconds that the database may take for an answer; otherwise as long as `pg_timeout` says.
        #[arg(long, value_name = "SECONDS")]
        db_timeout: Option<u64>,
        /// Seconds to wait for other nodes' migrations.
        #[arg(long, value_name = "SECONDS", default_value_t = 60)]
        lock_timeout: u64,
    },
    /// Read a value from a vault: `vault get REFERENCE`.
    Vault {
        /// get
        #[arg(value_name = "COMMAND")]
        action: Option<String>,
        /// As `{vault://env/NAME}`, with or without the braces.
        reference: Option<String>,
        #[command(flatten)]
        place: Place,
    },
    /// Write the reference of entities, plugins, properties and endpoints, and an OpenAPI document, into a folder.
    Reference {
        /// Where to; it is made if it is not there.
        folder: PathBuf,
    },
    /// A small HTTP server that answers with what it received, as JSON.
    Echo {
        /// Where to listen.
        #[arg(default_value = "127.0.0.1:9000")]
        address: SocketAddr,
        /// The same, by name.
        #[arg(long, value_name = "ADDRESS")]
        listen: Option<SocketAddr>,
    },
}
