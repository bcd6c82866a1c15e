//! Orders over time as a picture, with the faults marked.

use std::fmt::Write;

use crate::clock::{milliseconds, seconds};
use crate::report::{Report, Second};

const WIDTH: u64 = 1_200;
const HEIGHT: u64 = 220;
const LANE: u64 = 9;
/// Each point is the mean of so many seconds.
const SMOOTH: usize = 3;

/// What of a second is counted.
type Count = fn(&Second) -> u32;

/// The picture, as SVG to stand within a page.
pub fn chart(report: &Report) -> String {
    let span = u64::try_from(report.seconds.len()).unwrap_or(1).max(1) * 1_000;
    let x = |at: u64| at.min(span) * WIDTH / span;
    let lanes = lanes(report);
    let depth = lanes.iter().map(|(_, lane)| *lane).max().unwrap_or(0) + 1;
    let height = HEIGHT + 30 + depth * LANE;
    let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n");
    for round in &report.rounds {
        let (from, until) = (x(milliseconds(round.from)), x(milliseconds(round.until)));
        put(
            &mut svg,
            format_args!(
                "<rect class=\"round\" x=\"{from}\" y=\"0\" width=\"{}\" height=\"{HEIGHT}\"/>\n",
                (until - from).max(1)
            ),
        );
    }
    let most = most(&report.seconds);
    let lines: [(&str, Count); 2] = [("taken", |one| one.taken), ("ended", |one| one.ended)];
    for (class, of) in lines {
        let points = points(&report.seconds, of, most, &x);
        put(&mut svg, format_args!("<polyline class=\"{class}\" points=\"{points}\"/>\n"));
    }
    for (index, (fault, lane)) in report.faults.iter().zip(&lanes).map(|(f, (_, lane))| (f, lane)).enumerate()
    {
        let (from, until) = (x(fault.began), x(fault.ended));
        put(
            &mut svg,
            format_args!(
                "<rect class=\"fault\" x=\"{from}\" y=\"{}\" width=\"{}\" height=\"{}\"><title>{}: {} at {} for {}</title></rect>\n",
                HEIGHT + 6 + lane * LANE,
                (until - from).max(3),
                LANE - 2,
                index + 1,
                super::html::escape(&fault.planned.fault.to_string()),
                seconds(fault.began),
                seconds(fault.ended - fault.began)
            ),
        );
    }
    let minutes = span / 60_000;
    for minute in 0..=minutes {
        let at = x(minute * 60_000);
        put(&mut svg, format_args!("<text x=\"{at}\" y=\"{}\">{minute} min</text>\n", height - 6));
    }
    put(&mut svg, format_args!("<text x=\"4\" y=\"12\">{most} orders/s</text>\n</svg>\n"));
    svg
}

/// Each fault with a lane of its own for as long as it lasts.
fn lanes(report: &Report) -> Vec<(usize, u64)> {
    let mut free_from: Vec<u64> = Vec::new();
    let mut lanes = Vec::new();
    for (index, fault) in report.faults.iter().enumerate() {
        let lane = free_from.iter().position(|free| *free <= fault.began).unwrap_or(free_from.len());
        let until = fault.ended.max(fault.began + 2_000);
        match free_from.get_mut(lane) {
            Some(free) => *free = until,
            None => free_from.push(until),
        }
        lanes.push((index, u64::try_from(lane).unwrap_or(0)));
    }
    lanes
}

fn most(seconds: &[Second]) -> u64 {
    let mean =
        |of: Count| seconds.windows(SMOOTH).map(|window| sum(window, of) / len(SMOOTH)).max().unwrap_or(0);
    mean(|one| one.taken).max(mean(|one| one.ended)).max(1)
}

fn points(seconds: &[Second], of: Count, most: u64, x: &impl Fn(u64) -> u64) -> String {
    let mut points = String::new();
    for (index, window) in seconds.windows(SMOOTH).enumerate() {
        let at = x((len(index) + 1) * 1_000);
        let y = HEIGHT - (sum(window, of) * HEIGHT / (most * len(SMOOTH))).min(HEIGHT);
        put(&mut points, format_args!("{at},{y} "));
    }
    points
}

fn sum(window: &[Second], of: Count) -> u64 {
    window.iter().map(|one| u64::from(of(one))).sum()
}

fn len(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

fn put(text: &mut String, part: std::fmt::Arguments<'_>) {
    text.write_fmt(part).expect("invariant: a string takes any text");
}
