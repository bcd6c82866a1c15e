//! Against examples that were published, or worked out by hand; and what holds for all numbers.

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

fn share(hit: u32, of: u32) -> Share {
    Share { hit, of }
}

#[test]
fn shares_are_those_of_published_examples() {
    // The Physicians' Health Study, as in Agresti's "Categorical Data Analysis": 189 of 11,034 who took a placebo had
    // a heart attack, and 104 of 11,037 who took aspirin. p = 293/22071 = 0.0132753,
    // z = (0.0171289 - 0.0094228) / sqrt(0.0132753 · 0.9867247 · (1/11034 + 1/11037)) = 0.0077060 / 0.0015408 = 5.0014.
    assert_eq!(shares(share(189, 11_034), share(104, 11_037)).to_string(), "5.0013");
    assert_eq!(shares(share(104, 11_037), share(189, 11_034)).to_string(), "-5.0013");
    // 71 of 203 and 34 of 210: p = 105/413 = 0.2542373,
    // z = (0.3497537 - 0.1619048) / sqrt(0.2542373 · 0.7457627 · (1/203 + 1/210)) = 0.1878489 / 0.0428585 = 4.3830.
    let score = shares(share(71, 203), share(34, 210));
    assert_eq!((score.to_string().as_str(), score.short().as_str()), ("4.3829", "4.38"));
    // 15 and 5 of 100: z = 0.1 / sqrt(0.1 · 0.9 · 0.02) = 0.1 / 0.0424264 = 2.3570, just beyond the limit.
    assert_eq!(shares(share(15, 100), share(5, 100)).to_string(), "2.3570");
}

#[test]
fn ranks_are_those_of_published_examples() {
    // From scipy's description of mannwhitneyu, ages at which diabetes was found: U of the males is 17 of 20, no ties.
    // z = (17 - 10) / sqrt(5 · 4 · 10 / 12) = 7 / 4.0825 = 1.7146.
    let (males, females) = ([19, 22, 16, 29, 24], [20, 11, 17, 12]);
    assert_eq!(ranks(&males, &females).to_string(), "1.7146");
    assert_eq!(ranks(&females, &males).to_string(), "-1.7146");
    // From LaMorte's "Nonparametric Tests" (Boston University), episodes of asthma under a placebo and a new drug: the
    // ranks of the placebo sum to 37, so U = 37 - 15 = 22 of 25, with two pairs of ties: T = 2 · (8 - 2) = 12.
    // z = (22 - 12.5) / sqrt(25 / 12 · (11 - 12 / 90)) = 9.5 / 4.7580 = 1.9966.
    assert_eq!(ranks(&[7, 5, 6, 4, 12], &[3, 6, 4, 2, 1]).to_string(), "1.9966");
}

#[test]
fn where_nothing_differs_the_score_is_nothing() {
    for (tried, others) in
        [(share(0, 0), share(0, 0)), (share(0, 200), share(0, 300)), (share(200, 200), share(300, 300))]
    {
        assert_eq!(shares(tried, others), Score::NONE);
    }
    for (tried, others) in [(&[][..], &[][..]), (&[], &[1, 2]), (&[5], &[5]), (&[7; 200], &[7; 300])] {
        assert_eq!(ranks(tried, others), Score::NONE);
    }
}

#[test]
fn the_limit_is_the_hundredth_of_what_chance_does() {
    let beyond = |hit| shares(share(hit, 1_000), share(100, 1_000)) > Score::LIMIT;
    // 133: z = 0.033 / sqrt(0.1165 · 0.8835 · 0.002) = 0.033 / 0.0143476 = 2.3000; 134: 0.034 / 0.0143745 = 2.3653.
    assert_eq!((beyond(133), beyond(134)), (false, true));
    assert_eq!(Score::LIMIT.to_string(), "2.3263");
}

#[test]
fn a_score_has_four_decimals_and_two_for_people() {
    for (ten_thousandths, text, short) in [
        (0, "0.0000", "0.00"),
        (23_263, "2.3263", "2.33"),
        (-4_049, "-0.4049", "-0.40"),
        (-49, "-0.0049", "0.00"),
        (123_456_789, "12345.6789", "12345.68"),
    ] {
        let score = Score::of_ten_thousandths(ten_thousandths);
        assert_eq!((score.to_string().as_str(), score.short().as_str()), (text, short));
    }
    for refused in [
        "",
        "1",
        "1.",
        "1.5",
        ".5000",
        "+1.0000",
        "--1.0000",
        "1.00000",
        "1.0x00",
        "NaN",
        "9999999999999999999.0000",
    ] {
        assert_eq!(refused.parse::<Score>(), Err(ScoreError), "{refused}");
    }
}

fn any_share() -> impl Strategy<Value = Share> {
    (0..=1_000_000_u32).prop_flat_map(|of| (0..=of).prop_map(move |hit| Share { hit, of }))
}

proptest! {
    #[test]
    fn who_is_called_tried_only_turns_the_sign(one in any_share(), other in any_share()) {
        let (there, back) = (shares(one, other), shares(other, one));
        prop_assert_eq!(there.0, -back.0);
    }

    #[test]
    fn equal_shares_are_never_worse(share in any_share(), times in 1..10_u32) {
        let more = Share { hit: share.hit / 10 * times, of: share.of / 10 * times };
        let less = Share { hit: share.hit / 10, of: share.of / 10 };
        prop_assert_eq!(shares(more, less), Score::NONE);
    }

    #[test]
    fn no_share_is_beyond_its_numbers(hit: u32, of: u32, other_hit: u32, other_of: u32) {
        // Not even where more were hit than there are.
        shares(Share { hit, of }, Share { hit: other_hit, of: other_of });
    }

    #[test]
    fn ranks_turn_their_sign_and_equal_groups_are_never_worse(
        one in vec(0..50_u64, 0..300), other in vec(any::<u64>(), 0..300)
    ) {
        let (there, back) = (ranks(&one, &other), ranks(&other, &one));
        prop_assert_eq!(there.0, -back.0);
        prop_assert_eq!(ranks(&one, &one), Score::NONE);
    }

    #[test]
    fn larger_values_are_never_better(values in vec(0..1_000_u64, 1..200), by in 1..1_000_u64) {
        let later: Vec<u64> = values.iter().map(|value| value + by).collect();
        prop_assert!(ranks(&later, &values) > Score::NONE);
    }

    #[test]
    fn a_score_reads_what_it_wrote(ten_thousandths in -1_000_000_000_000_i64..1_000_000_000_000) {
        let score = Score::of_ten_thousandths(ten_thousandths);
        prop_assert_eq!(score.to_string().parse(), Ok(score));
    }
}
