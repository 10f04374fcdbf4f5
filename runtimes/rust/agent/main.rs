//! What a Rust image starts. The function is a program that holds its own server; the agent puts itself in its place.
//!
//! `hanzo-fn-agent` runs `<source>/function`, by `HANZO_FN_SOURCE` or `/app`.
//! `hanzo-fn-agent --mode=dev --source=DIR` runs `DIR/function`, and starts anew whenever it changes.
//!
//! Without crates, so that an image can be assembled without compiling the SDK: `rustc main.rs`.

use std::env;
use std::ffi::c_int;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{exit, Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

const POLL: Duration = Duration::from_millis(200);
const STOP: Duration = Duration::from_secs(5);

static STOPPED: AtomicBool = AtomicBool::new(false);

const SIGINT: c_int = 2;
const SIGTERM: c_int = 15;

extern "C" {
    fn kill(process: c_int, signal: c_int) -> c_int;
    fn signal(number: c_int, handler: extern "C" fn(c_int)) -> usize;
}

extern "C" fn on_signal(_: c_int) {
    STOPPED.store(true, Ordering::Relaxed);
}

struct Options {
    mode: String,
    source: PathBuf,
}

fn options() -> Result<Options, String> {
    let source = env::var_os("HANZO_FN_SOURCE").map_or_else(|| PathBuf::from("/app"), PathBuf::from);
    let mut options = Options {
        mode: "serve".to_owned(),
        source,
    };
    for argument in env::args().skip(1) {
        match argument.split_once('=') {
            Some(("--mode", mode)) if mode == "serve" || mode == "dev" => options.mode = mode.to_owned(),
            Some(("--source", source)) => options.source = PathBuf::from(source),
            _ => {
                return Err(format!(
                    "{argument} is not known: --mode=serve, --mode=dev, --source=DIR"
                ))
            }
        }
    }
    Ok(options)
}

fn main() {
    let options = options().unwrap_or_else(|message| {
        eprintln!("hanzo-fn-agent: {message}");
        exit(64);
    });
    let path = options.source.join("function");
    if options.mode == "dev" {
        exit(develop(&path, &options.source));
    }
    let error = Command::new(&path).env("HANZO_FN_SOURCE", &options.source).exec();
    eprintln!(
        "hanzo-fn-agent: {} does not start: {error} (this image has no compiler: put the compiled function there)",
        path.display()
    );
    exit(66);
}

fn develop(path: &Path, source: &Path) -> i32 {
    for number in [SIGTERM, SIGINT] {
        // SAFETY: the handler only stores to an atomic.
        unsafe { signal(number, on_signal) };
    }
    let mut state = state_of(path);
    let mut child = start(path, source);
    while !STOPPED.load(Ordering::Relaxed) {
        sleep(POLL);
        let now = state_of(path);
        if now != state {
            state = now;
            eprintln!("hanzo-fn-agent: reloading {}", path.display());
            end(child.take());
            child = start(path, source);
        }
    }
    end(child)
}

fn state_of(path: &Path) -> Option<(SystemTime, u64)> {
    let info = path.metadata().ok()?;
    Some((info.modified().ok()?, info.len()))
}

fn start(path: &Path, source: &Path) -> Option<Child> {
    let started = Command::new(path)
        .env("HANZO_FN_SOURCE", source)
        .stdin(Stdio::null())
        .process_group(0)
        .spawn();
    started
        .map_err(|error| eprintln!("hanzo-fn-agent: {} does not start: {error}", path.display()))
        .ok()
}

fn end(child: Option<Child>) -> i32 {
    let Some(mut child) = child else { return 0 };
    // SAFETY: the child has not been waited for, so the number is still its own.
    unsafe { kill(child.id() as c_int, SIGTERM) };
    let late = Instant::now() + STOP;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return status.code().unwrap_or(0),
            Ok(None) if Instant::now() < late => sleep(Duration::from_millis(20)),
            _ => {
                let _ = child.kill();
                return child.wait().ok().and_then(|status| status.code()).unwrap_or(0);
            }
        }
    }
}
