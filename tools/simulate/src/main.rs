//! `simulate SEED`: tells the story of one schedule, line by line, and whether it ends as it must.
//! `simulate FROM..TO`: runs many, and of the first that fails the smallest story that still does.

#![expect(clippy::print_stdout, reason = "the story is what this program is for")]

use std::process::ExitCode;

use simulate::{Seed, Walls, run, shrink};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (walls, what) = match arguments.as_slice() {
        [what] => (Some(Walls::ALL), *what),
        ["--without", wall, what] => (Walls::without(wall), *what),
        _ => (None, ""),
    };
    let Some(walls) = walls else {
        println!("usage: simulate [--without WALL] SEED[:MASK] | FROM..TO");
        return ExitCode::from(2);
    };
    if let Some((from, to)) = what.split_once("..")
        && let (Ok(from), Ok(to)) = (from.parse(), to.parse())
    {
        return many(from..to, walls);
    }
    match what.parse() {
        Ok(seed) => tell(&seed, walls),
        Err(error) => {
            println!("{error}");
            ExitCode::from(2)
        }
    }
}

fn tell(seed: &Seed, walls: Walls) -> ExitCode {
    let (lines, outcome) = run::told(seed, walls);
    for line in lines {
        println!("{line}");
    }
    match outcome {
        Ok(outcome) => {
            println!("schedule {seed} ends as it must: {}", outcome.ends.join(", "));
            ExitCode::SUCCESS
        }
        Err(what) => {
            println!("schedule {seed} FAILS: {what}");
            ExitCode::FAILURE
        }
    }
}

fn many(seeds: std::ops::Range<u64>, walls: Walls) -> ExitCode {
    match run::many(seeds, walls) {
        Ok(coverage) => {
            print!("{}", coverage.report());
            ExitCode::SUCCESS
        }
        Err(failure) => {
            println!("schedule {} FAILS: {}; shrinking it …", failure.number, failure.what);
            let whole = Seed::whole(failure.number);
            let (seed, _) = shrink(&whole, walls).unwrap_or((whole, failure.what));
            tell(&seed, walls)
        }
    }
}
