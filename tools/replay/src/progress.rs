//! Shows how far a phase has come: a bar on a terminal, now and then a line elsewhere. It writes to stderr only.

use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

const BETWEEN_LINES: Duration = Duration::from_secs(2);

/// Where progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Show {
    Bar,
    Lines,
    Nothing,
}

impl Show {
    /// A bar where somebody can see it.
    pub fn suitable() -> Show {
        if std::io::stderr().is_terminal() { Show::Bar } else { Show::Lines }
    }
}

/// One phase under way.
pub struct Progress {
    show: Show,
    name: &'static str,
    bar: ProgressBar,
    last_line: Mutex<Instant>,
}

impl Progress {
    pub fn start(show: Show, name: &'static str, total: usize) -> Progress {
        let target = match show {
            Show::Bar => ProgressDrawTarget::stderr(),
            Show::Lines | Show::Nothing => ProgressDrawTarget::hidden(),
        };
        let style = ProgressStyle::with_template("{prefix:<12} {wide_bar} {pos:>6}/{len} {elapsed:>4}{msg}")
            .expect("invariant: the template is well-formed");
        let bar =
            ProgressBar::with_draw_target(Some(total as u64), target).with_style(style).with_prefix(name);
        bar.tick();
        Progress { show, name, bar, last_line: Mutex::new(Instant::now()) }
    }

    pub fn advance(&self, steps: usize) {
        self.bar.inc(steps as u64);
        let mut last_line = self.last_line.lock().expect("invariant: nothing panics while it holds the lock");
        if self.show == Show::Lines && last_line.elapsed() >= BETWEEN_LINES {
            *last_line = Instant::now();
            self.line();
        }
    }

    /// What the count alone does not say.
    pub fn note(&self, text: String) {
        self.bar.set_message(format!("  {text}"));
    }

    pub fn finish(self) {
        self.bar.abandon();
        if self.show == Show::Lines {
            self.line();
        }
    }

    fn line(&self) {
        let (done, total) = (self.bar.position(), self.bar.length().unwrap_or_default());
        let (name, note) = (self.name, self.bar.message());
        // Nobody reads it any more when stderr is closed.
        let _ = writeln!(
            std::io::stderr(),
            "{name} {done}/{total} after {} s{note}",
            self.bar.elapsed().as_secs()
        );
    }
}
