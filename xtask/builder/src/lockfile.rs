//! Locks between processes of this tool.

use std::fs::{self, File, TryLockError};
use std::time::Duration;

use camino::Utf8Path;
use host::clock::Stopwatch;
use host::engine::{Engine, EngineError};

use crate::error::BuildError;

/// How often a taken lock is tried again.
const RETRY: Duration = Duration::from_millis(200);
/// How long another process may take to make an image or fill a volume.
const DEADLINE: Duration = Duration::from_secs(60 * 60);

/// Waits until nobody else makes the thing called `name`, and keeps others from it until the value
/// returned goes.
pub(crate) fn exclusive(engine: &Engine, name: &str) -> Result<File, BuildError> {
    let folder = engine.cache().join("locks");
    let watch = Stopwatch::start();
    while watch.elapsed() < DEADLINE {
        if let Some(file) = try_exclusive(&folder, name)? {
            return Ok(file);
        }
        engine.cancel().sleep(RETRY).map_err(EngineError::from)?;
    }
    Err(BuildError::Stuck {
        name: name.to_owned(),
        deadline: DEADLINE,
    })
}

/// The lock called `name` in `folder`, unless somebody has it. It is given back when the file is closed.
///
/// # Errors
/// The folder cannot be made, or the file not be locked.
pub fn try_exclusive(folder: &Utf8Path, name: &str) -> Result<Option<File>, BuildError> {
    let path = folder.join(format!("{name}.lock"));
    let fail = |source| BuildError::File {
        attempt: "locking",
        path: path.clone(),
        source,
    };
    fs::create_dir_all(folder).map_err(fail)?;
    let file = File::create(&path).map_err(fail)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(source)) => Err(fail(source)),
    }
}
