//! Periods that limits are counted over, aligned to UTC as Kong's are. It reads no clock.

/// A period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Period {
    /// One second.
    Second,
    /// From second 0 of a minute.
    Minute,
    /// From minute 0 of an hour.
    Hour,
    /// From midnight.
    Day,
    /// From the first of a month.
    Month,
    /// From the first of January.
    Year,
}

impl Period {
    /// All, shortest first.
    pub const ALL: [Self; 6] = [Self::Second, Self::Minute, Self::Hour, Self::Day, Self::Month, Self::Year];

    /// Returns the name as configurations write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    /// Returns how many seconds Kong takes it to last: 30 days a month, 365 a year.
    pub const fn seconds(self) -> u32 {
        match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3600,
            Self::Day => 86_400,
            Self::Month => 2_592_000,
            Self::Year => 31_536_000,
        }
    }

    /// Returns the start of the period that holds `now`; both in seconds since the epoch.
    pub const fn start(self, now: u32) -> u32 {
        match self {
            Self::Second => now,
            Self::Minute | Self::Hour | Self::Day => now - now % self.seconds(),
            Self::Month => {
                let (day_of_month, _) = month_and_year(now);
                now - now % 86_400 - day_of_month * 86_400
            }
            Self::Year => {
                let (_, day_of_year) = month_and_year(now);
                now - now % 86_400 - day_of_year * 86_400
            }
        }
    }
}

/// Returns how many days of the month and of the year have passed before the day of `now` (proleptic Gregorian, after
/// Howard Hinnant's `civil_from_days`).
const fn month_and_year(now: u32) -> (u32, u32) {
    let days = now / 86_400 + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_from_march = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_from_march + 2) / 153;
    let day_of_month = day_from_march - (153 * month_from_march + 2) / 5;
    // January and February end the year that began in March.
    let year = era * 400 + year_of_era + (month_from_march >= 10) as u32;
    let leap = (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400);
    let day_of_year = if month_from_march >= 10 { day_from_march - 306 } else { day_from_march + 59 + leap as u32 };
    (day_of_month, day_of_year)
}
