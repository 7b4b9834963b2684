//! Cores and open files. Everywhere but on Linux nothing can be pinned.

/// The cores that we may use: the first is the server's, the last the load's. `None` when there are less than two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cores {
    /// Where the measured server runs.
    pub(crate) server: usize,
    /// Where the load and what stands behind the server run.
    pub(crate) load: usize,
}

#[cfg(target_os = "linux")]
mod system {
    use super::Cores;
    use anyhow::Context;
    use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    use nix::unistd::Pid;

    /// The calling thread.
    const SELF: Pid = Pid::from_raw(0);

    impl Cores {
        pub(crate) fn find() -> Option<Self> {
            let set = sched_getaffinity(SELF).ok()?;
            let mut cores = (0..CpuSet::count()).filter(|core| set.is_set(*core).unwrap_or(false));
            let server = cores.next()?;
            Some(Self { server, load: cores.next_back()? })
        }
    }

    /// Puts the calling thread, and what it starts from now on, on one core.
    pub(crate) fn pin(core: usize) -> anyhow::Result<()> {
        let mut set = CpuSet::new();
        set.set(core).and_then(|()| sched_setaffinity(SELF, &set)).context("cannot pin to a core")
    }

    /// Raises the bound of open files as far as it goes, for us and what we start; tells it.
    pub(crate) fn raise_files() -> anyhow::Result<u64> {
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).context("cannot read the bound of open files")?;
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard).context("cannot raise the bound of open files")?;
        Ok(hard)
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::Cores;

    impl Cores {
        pub(crate) fn find() -> Option<Self> {
            None
        }
    }

    pub(crate) fn pin(_: usize) -> anyhow::Result<()> {
        Ok(())
    }

    pub(crate) fn raise_files() -> anyhow::Result<u64> {
        Ok(u64::MAX)
    }
}

pub(crate) use system::{pin, raise_files};

/// Does `work` on `core`; what it starts stays there. The calling thread goes back to `home`.
pub(crate) fn on<T>(cores: Option<Cores>, work: impl FnOnce() -> T) -> anyhow::Result<T> {
    let Some(cores) = cores else { return Ok(work()) };
    pin(cores.server)?;
    let done = work();
    pin(cores.load)?;
    Ok(done)
}
