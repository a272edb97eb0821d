//! What `benches/counts` counts: one worker with a client and an upstream in one process, doing the same thing as often
//! as told. It asserts that it was done and prints how often memory was allocated for it; it times nothing.
//!
//! `gibbon-subject CASE TIMES`: each case is a line in [`run`].

mod allocations;
mod idle;
mod node;
mod parts;
mod upstream;
mod wire;

use anyhow::bail;

use node::Setup;
use wire::Client;

#[global_allocator]
static ALLOCATOR: allocations::Counting = allocations::Counting;

/// Requests before counting begins: buffers have grown, connections are pooled, tables are filled.
const WARM_UP: usize = 1_000;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(case), Some(times)) = (arguments.next(), arguments.next()) else {
        bail!("usage: gibbon-subject CASE TIMES");
    };
    let allocated = run(&case, times.parse()?)?;
    println!("{allocated}");
    Ok(())
}

/// Runs a case and returns how often memory was allocated meanwhile.
fn run(case: &str, times: usize) -> anyhow::Result<u64> {
    match case {
        "parse" => parts::parse(times),
        "route" => parts::route(times),
        "chain" => parts::chain(times),
        "plain" => requests(&Setup::plain(), Client::http1(wire::plain), times),
        "headers" => requests(&Setup::plain(), Client::http1(wire::twenty_headers), times),
        "idle" => requests(&Setup::idle(), Client::http1(wire::plain), times),
        "work" => requests(&Setup::work(), Client::http1(wire::keyed), times),
        "h2" => requests(&Setup::plain(), Client::http2(), times),
        _ => bail!("no such case: {case}"),
    }
}

/// Sends requests one after the other on one connection.
fn requests(setup: &Setup, client: Client, times: usize) -> anyhow::Result<u64> {
    allocations::count_this_thread(false);
    let upstream = upstream::start()?;
    let node = setup.start(upstream)?;
    let mut connection = client.connect(node.port())?;
    for number in 0..WARM_UP {
        connection.exchange(number)?;
    }
    let before = allocations::count();
    for number in 0..times {
        connection.exchange(number)?;
    }
    Ok(allocations::count() - before)
}
