//! What ends the process besides its calls.

use std::ffi::c_int;
use std::os::fd::{FromRawFd as _, IntoRawFd as _, OwnedFd};
use std::time::Instant;

const WATCH_STACK: usize = 64 * 1024;
/// Lowest number for the descriptors that the server keeps for itself.
const OWN_DESCRIPTORS: c_int = 20;

/// When the process began, as far as it can know: the time since is that of its own processor use before `main`.
pub(crate) fn process_start() -> Instant {
    let now = Instant::now();
    let mut used = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `used` is a valid timespec.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut used) } != 0;
    if failed {
        return now;
    }
    let seconds = u64::try_from(used.tv_sec).unwrap_or(0);
    let nanos = u32::try_from(used.tv_nsec).unwrap_or(0);
    now.checked_sub(std::time::Duration::new(seconds, nanos))
        .unwrap_or(now)
}

/// A duplicate of the standard output that user code does not know: should it close its own, whatever is opened next
/// gets that number.
pub(crate) fn own_stdout() -> c_int {
    duplicate(1).unwrap_or(1)
}

fn duplicate(fd: c_int) -> Option<c_int> {
    // SAFETY: duplicating changes nothing for others; the result is checked.
    let own = unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, OWN_DESCRIPTORS) };
    (own >= 0).then_some(own)
}

/// Ends the process when the platform's pipe on stdin ends, and gives user code an empty stdin in its place. Only a
/// pipe or a socket is watched: in a container stdin is `/dev/null` or closed from the start.
pub(crate) fn end_with_platform() -> std::io::Result<()> {
    if !is_pipe(0) {
        return Ok(());
    }
    let Some(pipe) = duplicate(0) else {
        return Ok(());
    };
    if let Ok(empty) = std::fs::File::open("/dev/null") {
        let empty = OwnedFd::from(empty).into_raw_fd();
        // SAFETY: both descriptors are open; `empty` is nobody else's.
        unsafe {
            libc::dup2(empty, 0);
            drop(OwnedFd::from_raw_fd(empty));
        }
    }
    std::thread::Builder::new()
        .name("hanzo-stdin".to_owned())
        .stack_size(WATCH_STACK)
        .spawn(move || {
            let mut byte = [0_u8; 64];
            loop {
                // SAFETY: the pointer and the length are those of `byte`.
                let read = unsafe { libc::read(pipe, byte.as_mut_ptr().cast(), byte.len()) };
                let again = std::io::Error::last_os_error().kind() == std::io::ErrorKind::Interrupted;
                if read == 0 || read < 0 && !again {
                    // SAFETY: nothing of this process is to run any more.
                    unsafe { libc::_exit(0) };
                }
            }
        })?;
    Ok(())
}

fn is_pipe(fd: c_int) -> bool {
    let mut stat = std::mem::MaybeUninit::<libc::stat>::uninit();
    // SAFETY: `stat` is only read where the call has filled it.
    let kind = unsafe {
        if libc::fstat(fd, stat.as_mut_ptr()) != 0 {
            return false;
        }
        stat.assume_init().st_mode & libc::S_IFMT
    };
    kind == libc::S_IFIFO || kind == libc::S_IFSOCK
}
