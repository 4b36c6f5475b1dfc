//! How much memory each of our processes has needed at most since it began.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The highest resident size of each process that has a pid file in the folder, in MB; the components of others are left out.
pub fn highest(folder: &Path) -> BTreeMap<String, u64> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let of = |file: fs::DirEntry| {
        let name = file.file_name().to_str()?.strip_suffix(".pid")?.to_owned();
        let pid = fs::read_to_string(file.path()).ok()?.split_whitespace().next()?.to_owned();
        let program = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
        let ours = program.file_name()?.to_str()?.starts_with("daybook-");
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let highest = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kilobytes: u64 = highest.split_whitespace().next()?.parse().ok()?;
        ours.then_some((name, kilobytes.div_ceil(1_024)))
    };
    files.filter_map(of).collect()
}
