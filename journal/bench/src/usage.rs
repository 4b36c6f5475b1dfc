//! What the machine spent, as Linux counts it: CPU time of processes, and flushes of the disks.

use std::fs;
use std::io::{self, Write};
use std::ops::Sub;
use std::path::Path;
use std::time::{Duration, Instant};

/// A tick of `/proc`, in seconds: the same on every machine that Linux runs on today.
const TICK: f64 = 0.01;

/// How often the disk is tried.
const TRIES: u32 = 200;

/// The servers of the stores, by name.
pub struct Servers(pub Vec<(&'static str, u32)>);

/// What was spent up to a moment, or between two.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// CPU seconds of this process.
    pub own: f64,
    /// CPU seconds of the server that is meant, its children included.
    pub server: f64,
    /// CPU seconds of the other servers.
    pub others: f64,
    /// Flushes that the machine's disks have completed.
    pub flushes: u64,
}

impl Sub for Usage {
    type Output = Usage;

    fn sub(self, before: Usage) -> Usage {
        Usage {
            own: self.own - before.own,
            server: self.server - before.server,
            others: self.others - before.others,
            flushes: self.flushes - before.flushes,
        }
    }
}

impl Servers {
    /// What was spent up to now.
    ///
    /// # Errors
    /// `/proc` cannot be read, or a server is gone.
    pub fn usage(&self, server: &str) -> io::Result<Usage> {
        let mut usage = Usage { own: cpu(std::process::id())?, server: 0.0, others: 0.0, flushes: flushes()? };
        for (name, pid) in &self.0 {
            let spent = with_children(*pid)?;
            if *name == server { usage.server += spent } else { usage.others += spent }
        }
        Ok(usage)
    }
}

/// A process's fields behind its name, which may hold anything: state first, then its parent.
fn fields(pid: u32) -> io::Result<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let behind = stat.rsplit_once(") ").map_or("", |(_, behind)| behind);
    Ok(behind.split(' ').map(str::to_owned).collect())
}

/// CPU seconds of a process, its ended children's included.
fn cpu(pid: u32) -> io::Result<f64> {
    let fields = fields(pid)?;
    Ok(fields.iter().skip(11).take(4).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() * TICK)
}

/// CPU seconds of a process and of the children it has now: Postgres serves each connection in one.
fn with_children(pid: u32) -> io::Result<f64> {
    let mut spent = cpu(pid)?;
    for entry in fs::read_dir("/proc")? {
        let Some(other) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // Whatever has ended since the folder was read is counted by its parent.
        if let (Ok(fields), Ok(of_child)) = (fields(other), cpu(other))
            && fields.get(1).is_some_and(|parent| *parent == pid.to_string())
        {
            spent += of_child;
        }
    }
    Ok(spent)
}

/// Flushes of all disks: the sixteenth figure behind a disk's name. A partition counts none of its own.
fn flushes() -> io::Result<u64> {
    let disks = fs::read_to_string("/proc/diskstats")?;
    Ok(disks.lines().filter_map(|line| line.split_whitespace().nth(18)?.parse::<u64>().ok()).sum())
}

/// How long the disk below a folder takes to make 400 bytes durable.
///
/// # Errors
/// The folder cannot be written.
pub fn one_flush(folder: &Path) -> io::Result<Duration> {
    let path = folder.join("flush");
    let mut file = fs::File::create(&path)?;
    let begun = Instant::now();
    for _ in 0..TRIES {
        file.write_all(&[7; 400])?;
        file.sync_data()?;
    }
    fs::remove_file(path)?;
    Ok(begun.elapsed() / TRIES)
}
