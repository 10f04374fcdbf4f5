//! Times as RFC 3339 in UTC.

use std::time::{SystemTime, UNIX_EPOCH};

/// Now, with milliseconds: `2026-01-01T00:00:00.000Z`.
pub(crate) fn now() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format(since.as_millis() as u64)
}

/// Milliseconds since the epoch as RFC 3339.
pub(crate) fn format(ms: u64) -> String {
    let (days, of_day) = (ms / 86_400_000, ms % 86_400_000);
    let (year, month, day) = civil(days);
    let (hour, minute) = (of_day / 3_600_000, of_day / 60_000 % 60);
    let (second, milli) = (of_day / 1000 % 60, of_day % 1000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

/// The date of a day counted from 1970-01-01. A year is taken to begin in March, so that the leap day ends it.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let of_era = shifted % 146_097;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_known_times() {
        assert_eq!(format(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(format(951_782_399_999), "2000-02-28T23:59:59.999Z");
        assert_eq!(format(951_868_799_000), "2000-02-29T23:59:59.000Z");
        assert_eq!(format(1_767_225_600_000), "2026-01-01T00:00:00.000Z");
        assert_eq!(format(4_107_542_400_000), "2100-03-01T00:00:00.000Z");
    }
}
