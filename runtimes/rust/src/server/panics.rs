//! Panics: one inside a call ends the call, any other is logged.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::RefCell;
use std::panic::{catch_unwind, set_hook, AssertUnwindSafe, Location};

use crate::log::{Log, Sink};

thread_local! {
    /// `Some` while this thread is inside a call: the words of the panic, once there was one.
    static CALL: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs user code; `Err` is the text for the log where it panics.
pub(crate) fn inside<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    CALL.with(|call| *call.borrow_mut() = Some(String::new()));
    let result = catch_unwind(AssertUnwindSafe(run));
    let note = CALL.with(|call| call.borrow_mut().take());
    result.map_err(|payload| {
        // A payload may panic when it is dropped.
        std::mem::forget(payload);
        note.unwrap_or_default()
    })
}

/// Takes the standard library's place, which would write to the standard error.
pub(crate) fn install_hook(sink: Sink) {
    let log = Log::new(sink, None);
    set_hook(Box::new(move |info| {
        let text = describe(info.payload(), info.location());
        let in_call = CALL.with(|call| match &mut *call.borrow_mut() {
            Some(note) => {
                note.clone_from(&text);
                true
            }
            None => false,
        });
        if !in_call {
            let thread = std::thread::current();
            let name = thread.name().unwrap_or("without a name");
            log.error(format!("thread {name}: {text}"));
        }
    }));
}

fn describe(payload: &(dyn Any + Send), place: Option<&Location<'_>>) -> String {
    let message = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a value that is no text".to_owned());
    let mut text = format!("panic: {message}");
    if let Some(place) = place {
        text.push_str(&format!("\n    at {place}"));
    }
    let backtrace = Backtrace::capture();
    if backtrace.status() == BacktraceStatus::Captured {
        text.push_str(&format!("\n{backtrace}"));
    }
    text
}
