//! The two tests by which groups are compared, in whole numbers, so that they are exact and the same everywhere.

use std::fmt::{self, Display};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How much worse the tried are than the others, in standard deviations of what chance alone would do; less than
/// nothing where they are better. In ten-thousandths, cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(as = TrialScore, value_type = String, pattern = "^-?[0-9]+\\.[0-9]{4}$", example = "4.4126")]
pub struct Score(i64);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a score is a number with four decimals")]
pub struct ScoreError;

/// How many of a group had something happen to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    pub hit: u32,
    pub of: u32,
}

impl Score {
    /// Nothing differs.
    pub const NONE: Score = Score(0);

    /// Chance alone goes beyond it once in a hundred times (one-sided).
    pub const LIMIT: Score = Score(23_263);

    const ONE: i64 = 10_000;

    pub const fn of_ten_thousandths(ten_thousandths: i64) -> Score {
        Score(ten_thousandths)
    }

    /// With two decimals, as people read it.
    pub fn short(self) -> String {
        let hundredths = (self.0.unsigned_abs() + 50) / 100;
        let sign = if self.0 < 0 && hundredths > 0 { "-" } else { "" };
        format!("{sign}{}.{:02}", hundredths / 100, hundredths % 100)
    }

    /// The root of a square given as a fraction, with a sign; nothing differs where there is nothing to divide by.
    fn root(negative: bool, square: u128, over: u128) -> Score {
        let one = Score::ONE.unsigned_abs().into();
        let square = square.saturating_mul(one).saturating_mul(one);
        let root = square.checked_div(over).unwrap_or_default().isqrt();
        let root = i64::try_from(root).unwrap_or(i64::MAX);
        Score(if negative { -root } else { root })
    }
}

impl Display for Score {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (one, score) = (Score::ONE.unsigned_abs(), self.0.unsigned_abs());
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(to, "{sign}{}.{:04}", score / one, score % one)
    }
}

impl FromStr for Score {
    type Err = ScoreError;

    fn from_str(text: &str) -> Result<Score, ScoreError> {
        let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
        let (whole, fraction) = digits.split_once('.').ok_or(ScoreError)?;
        let number = |part: &str| {
            let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            part.parse::<i64>().ok().filter(|_| digits).ok_or(ScoreError)
        };
        if fraction.len() != 4 {
            return Err(ScoreError);
        }
        let (whole, fraction) = (number(whole)?, number(fraction)?);
        let score = whole.checked_mul(Score::ONE).and_then(|score| score.checked_add(fraction));
        let ten_thousandths = score.map(|score| if negative { -score } else { score }).ok_or(ScoreError)?;
        Ok(Score(ten_thousandths))
    }
}

impl TryFrom<String> for Score {
    type Error = ScoreError;

    fn try_from(text: String) -> Result<Score, ScoreError> {
        text.parse()
    }
}

impl From<Score> for String {
    fn from(score: Score) -> String {
        score.to_string()
    }
}

/// The two-proportion z test with the pooled share.
///
/// With shares `x/n` and `y/m`, `N = n + m` and `X = x + y`, the square of z is
/// `(x·m − y·n)² · N / (n · m · X · (N − X))`. Groups of a million each are within the numbers used here.
pub fn shares(tried: Share, others: Share) -> Score {
    let [x, n, y, m] = [tried.hit, tried.of, others.hit, others.of].map(u128::from);
    let (all, hit) = (n + m, x + y);
    let (left, right) = (x * m, y * n);
    let difference = left.abs_diff(right);
    let square = difference.saturating_mul(difference).saturating_mul(all);
    let over = n.saturating_mul(m).saturating_mul(hit).saturating_mul(all.saturating_sub(hit));
    Score::root(left < right, square, over)
}

/// The rank test of Mann and Whitney, in its normal approximation with the correction for ties and none for
/// continuity: whether the values of `tried` are the larger ones.
///
/// With `n` and `m` values, `N = n + m`, `U` from the ranks of the tried, and `T` the sum of `t³ − t` over the groups
/// of `t` equal values, the square of z is `3 · (2U − n·m)² · N · (N − 1) / (n · m · (N³ − N − T))`.
pub fn ranks(tried: &[u64], others: &[u64]) -> Score {
    let mut all: Vec<(u64, bool)> = tried.iter().map(|value| (*value, true)).collect();
    all.extend(others.iter().map(|value| (*value, false)));
    all.sort_unstable();
    let (mut before, mut ties, mut twice_ranks) = (0_u128, 0_u128, 0_u128);
    for same in all.chunk_by(|one, other| one.0 == other.0) {
        let count = same.len() as u128;
        let of_tried = same.iter().filter(|(_, tried)| *tried).count() as u128;
        // Equal values share the middle of their ranks.
        twice_ranks += of_tried * (2 * before + count + 1);
        ties += count * count * count - count;
        before += count;
    }
    let (n, m, all) = (tried.len() as u128, others.len() as u128, before);
    let (twice_u, even) = (twice_ranks - n * (n + 1), n * m);
    let difference = twice_u.abs_diff(even);
    let square = 3 * difference * difference * all * all.saturating_sub(1);
    Score::root(twice_u < even, square, n * m * (all * all * all - all - ties))
}

#[cfg(test)]
mod tests;
