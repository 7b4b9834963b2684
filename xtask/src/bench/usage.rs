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

/// CPU time in seconds that the whole machine has used, without what we and our children that have ended have used.
pub(crate) fn others(ticks: f64) -> anyhow::Result<f64> {
    let read = |path: &str| std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"));
    let machine = machine_ticks(&read("/proc/stat")?).context("/proc/stat is not understood")?;
    let own = ticks_of(&read("/proc/self/stat")?, 4).context("/proc/self/stat is not understood")?;
    Ok(machine.saturating_sub(own) as f64 / ticks)
}

/// The sum of utime and stime, the fields 14 and 15.
fn cpu_ticks(stat: &str) -> Option<u64> {
    ticks_of(stat, 2)
}

/// The sum of the first of utime, stime, and those of the children that have ended.
fn ticks_of(stat: &str, count: usize) -> Option<u64> {
    // The name, field 2, stands in parentheses and may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    (0..count).try_fold(0, |sum, _| Some(sum + fields.next()?.parse::<u64>().ok()?))
}

/// What all cores have done, idling and waiting left out.
fn machine_ticks(stat: &str) -> Option<u64> {
    let mut fields =
        stat.lines().next()?.strip_prefix("cpu ")?.split_whitespace().map(|field| field.parse::<u64>().ok());
    let mut sum = 0;
    for index in 0..8 {
        let ticks = fields.next()??;
        sum += if matches!(index, 3 | 4) { 0 } else { ticks };
    }
    Some(sum)
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
        assert_eq!(ticks_of(stat, 4), Some(587));
        let machine = "cpu  10 2 30 400 5 6 7 8 0 0\ncpu0 5 1 15 200 2 3 3 4 0 0\n";
        assert_eq!(machine_ticks(machine), Some(63));
        assert_eq!(machine_ticks("cpu 1 2"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn our_own_memory_is_known() {
        assert!(Usage::of(std::process::id(), 100.0).unwrap().rss > 0.1);
    }
}
