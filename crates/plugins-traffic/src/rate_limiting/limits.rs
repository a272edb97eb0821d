//! The limits of a configuration, and whether they go together.

use gibbon_schema::Value;
use gibbon_sdk::counters::Period;
use gibbon_sdk::http::Name;
use gibbon_sdk::http::name;

use super::Config;

/// One limit.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Limit {
    pub(super) period: Period,
    /// As configured; it may have a fraction.
    pub(super) limit: f64,
    /// How many requests it admits.
    pub(super) admits: u32,
    /// As headers show it.
    pub(super) text: String,
    pub(super) limit_header: Name,
    pub(super) remaining_header: Name,
}

/// Returns the limits that are set, shortest period first.
pub(super) fn of(config: &Config) -> Vec<Limit> {
    let set = [config.second, config.minute, config.hour, config.day, config.month, config.year];
    Period::ALL
        .into_iter()
        .zip(set)
        .filter_map(|(period, limit)| limit.map(|limit| (period, limit)))
        .map(|(period, limit)| {
            let (limit_header, remaining_header) = names(period);
            let (admits, text) = (limit.ceil() as u32, limit.to_string());
            Limit { period, limit, admits, text, limit_header, remaining_header }
        })
        .collect()
}

/// Returns the names of the headers that tell a limit and what is left of it.
const fn names(period: Period) -> (Name, Name) {
    macro_rules! of {
        ($period:literal) => {
            (name!(concat!("X-RateLimit-Limit-", $period)), name!(concat!("X-RateLimit-Remaining-", $period)))
        };
    }
    match period {
        Period::Second => of!("Second"),
        Period::Minute => of!("Minute"),
        Period::Hour => of!("Hour"),
        Period::Day => of!("Day"),
        Period::Month => of!("Month"),
        Period::Year => of!("Year"),
    }
}

/// Tells whether the members go together; the messages are Kong's.
pub(super) fn check(config: &Value) -> Result<(), String> {
    let limit = |period: Period| config.get(period.name()).and_then(Value::as_f64);
    for (at, lower) in Period::ALL.into_iter().enumerate() {
        for upper in &Period::ALL[at + 1..] {
            if let (Some(low), Some(high)) = (limit(lower), limit(*upper))
                && high < low
            {
                let (upper, lower) = (upper.name(), lower.name());
                return Err(format!(
                    "The limit for {upper}({high:.1}) cannot be lower than the limit for {lower}({low:.1})"
                ));
            }
        }
    }
    let redis = config.get("policy").and_then(Value::as_str) == Some("redis");
    let rate = config.get("sync_rate").and_then(Value::as_f64).unwrap_or(-1.0);
    match (redis, rate) {
        (_, -1.0) => Ok(()),
        (false, _) => Err("sync_rate can only be used with the redis policy".to_owned()),
        (true, rate) if rate < 0.02 => Err("sync_rate must be greater than 0.02, or -1 to disable".to_owned()),
        (true, _) => Ok(()),
    }
}
