//! The limits of a configuration, and whether they go together.

use gibbon_schema::Value;
use gibbon_sdk::counters::Period;

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
    pub(super) limit_header: String,
    pub(super) remaining_header: String,
}

/// Returns the limits that are set, shortest period first.
pub(super) fn of(config: &Config) -> Vec<Limit> {
    let set = [config.second, config.minute, config.hour, config.day, config.month, config.year];
    Period::ALL
        .into_iter()
        .zip(set)
        .filter_map(|(period, limit)| limit.map(|limit| (period, limit)))
        .map(|(period, limit)| Limit {
            period,
            limit,
            admits: limit.ceil() as u32,
            text: limit.to_string(),
            limit_header: format!("X-RateLimit-Limit-{}", period.title()),
            remaining_header: format!("X-RateLimit-Remaining-{}", period.title()),
        })
        .collect()
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
