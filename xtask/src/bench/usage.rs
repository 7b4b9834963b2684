//! What a process has used, as Linux tells it in /proc.

use anyhow::Context;

/// What a process has used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Usage {
    /// CPU time in seconds, of its own and of the system for it.
    pub(crate) cpu: f64,
    /// Memory that it holds now, in MiB.
    pub(crate) rss: f64,
}

impl Usage {
    /// Of the process `pid`. `ticks` is the kernel's clock, in ticks a second.
    pub(crate) fn of(pid: u32, ticks: f64) -> anyhow::Result<Self> {
        let read = |file: &str| {
            let path = format!("/proc/{pid}/{file}");
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}: measuring needs Linux"))
        };
        let cpu = cpu_ticks(&read("stat")?).context("/proc/PID/stat is not understood")? as f64 / ticks;
        let rss = rss_kib(&read("status")?).context("/proc/PID/status is not understood")? as f64 / 1024.0;
        Ok(Self { cpu, rss })
    }
}

/// The sum of utime and stime, the fields 14 and 15.
fn cpu_ticks(stat: &str) -> Option<u64> {
    // The name, field 2, stands in parentheses and may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

fn rss_kib(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_proc_are_read() {
        let stat = "42 (a ) b) S 1 42 42 0 -1 4194560 1 2 3 4 500 70 8 9 20 0 4 0 100 200";
        assert_eq!(cpu_ticks(stat), Some(570));
        assert_eq!(rss_kib("Name:\tx\nVmRSS:\t   2048 kB\nRssAnon: 1 kB\n"), Some(2048));
        assert_eq!(cpu_ticks("junk"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn our_own_memory_is_known() {
        assert!(Usage::of(std::process::id(), 100.0).unwrap().rss > 0.1);
    }
}
