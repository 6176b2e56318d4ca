//! One process group for everything that a run starts, and a watchdog that ends all of it however the run ends:
//! normally, by a panic, by Ctrl-C or by SIGKILL.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use std::os::unix::process::CommandExt;

use rustix::process::{Pid, Signal, kill_process};

/// The group's leader is a shell that waits for the end of its standard input. This process holds the only writing
/// end (Rust opens pipes close-on-exec), so the kernel closes it whatever happens to us, and the shell kills the group.
pub(crate) struct ProcessGroup {
    watchdog: Child,
}

impl ProcessGroup {
    pub(crate) fn new() -> Self {
        let watchdog = Command::new("sh")
            .args(["-c", "cat >/dev/null; kill -KILL 0"])
            .stdin(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("a POSIX shell starts");
        ProcessGroup { watchdog }
    }

    /// Starts `command` inside the group; both of its output streams are appended to `log`.
    pub(crate) fn spawn(&self, command: &mut Command, log: &Path) -> Child {
        let out = File::options().create(true).append(true).open(log);
        let out = out.unwrap_or_else(|error| panic!("opening {}: {error}", log.display()));
        let leader = i32::try_from(self.watchdog.id()).expect("process ids fit");
        command
            .stdin(Stdio::null())
            .stdout(out.try_clone().expect("a file handle can be cloned"))
            .stderr(out)
            .process_group(leader)
            .spawn()
            .unwrap_or_else(|error| panic!("starting {:?}: {error}", command.get_program()))
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        // The watchdog dies of its own signal, together with the rest of the group.
        let _ = self.watchdog.wait();
    }
}

/// While it lives, a process stands still (SIGSTOP).
pub(crate) struct Pause {
    process: Pid,
}

impl Pause {
    pub(crate) fn of(child: &Child) -> Self {
        let process = Pid::from_child(child);
        kill_process(process, Signal::STOP).expect("it runs");
        Pause { process }
    }
}

impl Drop for Pause {
    fn drop(&mut self) {
        let _ = kill_process(self.process, Signal::CONT);
    }
}

/// The last `lines` lines of a log, for failure messages.
pub(crate) fn tail(log: &Path, lines: usize) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}
