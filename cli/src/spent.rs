//! What a piece of work costs: time, and the processor time of this process.

use std::fs;
use std::time::Instant;

/// A tick of `/proc`, in seconds: the same on every machine that Linux runs on today.
const TICK: f64 = 0.01;

/// Begun with a piece of work.
pub struct Stopwatch {
    begun: Instant,
    cpu_s: f64,
}

/// What it has cost.
pub struct Spent {
    /// Seconds that went by, to the millisecond.
    pub seconds: f64,
    /// Processor seconds of all threads of this process, in user and kernel mode.
    pub cpu_s: f64,
}

impl Stopwatch {
    /// Begins to measure.
    pub fn start() -> Self {
        Self { begun: Instant::now(), cpu_s: cpu_s() }
    }

    /// What was spent since.
    pub fn spent(&self) -> Spent {
        let to = |places: f64, seconds: f64| (seconds * places).round() / places;
        Spent { seconds: to(1e3, self.begun.elapsed().as_secs_f64()), cpu_s: to(1e2, cpu_s() - self.cpu_s) }
    }
}

/// Processor seconds of this process since it began; 0 where there is no `/proc`. See proc_pid_stat(5), `utime` and `stime`.
fn cpu_s() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The program's name in parentheses may hold anything.
    let behind = stat.rsplit_once(") ").map_or("", |(_, behind)| behind);
    let ticks = behind.split(' ').skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok());
    ticks.sum::<f64>() * TICK
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn work_costs_processor_time() {
        let stopwatch = Stopwatch::start();
        while stopwatch.begun.elapsed() < Duration::from_secs(10) && stopwatch.spent().cpu_s < 0.05 {
            std::hint::black_box((0..100_000).fold(1_u64, |n, m| n.wrapping_mul(m | 1)));
        }
        let spent = stopwatch.spent();
        assert!(spent.cpu_s >= 0.05 && spent.seconds > 0.0, "{} of {} s", spent.cpu_s, spent.seconds);
    }
}
