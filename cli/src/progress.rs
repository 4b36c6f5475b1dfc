//! Progress: a bar with its rate where somebody looks, a line now and then where nobody does.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// How a bar looks.
const BAR: &str = "{msg:<22} [{bar:30}] {human_pos}/{human_len} {per_sec} {eta}";

/// In how many lines a whole is told where there is no terminal.
const LINES: u64 = 10;

/// How far something is.
pub struct Progress {
    bar: ProgressBar,
    what: String,
    told: Option<AtomicU64>,
}

impl Progress {
    /// Begins to show how far `what` is, of `whole`.
    pub fn of(what: &str, whole: u64) -> Self {
        let seen = std::io::stderr().is_terminal();
        let bar = if seen { ProgressBar::new(whole) } else { ProgressBar::hidden() };
        bar.set_length(whole);
        bar.set_style(ProgressStyle::with_template(BAR).expect("the template is valid").progress_chars("=> "));
        bar.set_message(what.to_owned());
        if seen {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        Self { bar, what: what.into(), told: (!seen).then(AtomicU64::default) }
    }

    /// One more is done.
    pub fn one(&self) {
        self.bar.inc(1);
        self.tell();
    }

    /// This far it is now.
    pub fn at(&self, done: u64, whole: u64) {
        self.bar.set_length(whole);
        self.bar.set_position(done);
        self.tell();
    }

    fn tell(&self) {
        let Some(told) = &self.told else { return };
        let (done, whole) = (self.bar.position(), self.bar.length().unwrap_or(0).max(1));
        let step = done * LINES / whole;
        if told.fetch_max(step, Ordering::Relaxed) < step {
            eprintln!("{}: {done} of {whole}, {:.0}/s", self.what, self.bar.per_sec());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish();
    }
}
